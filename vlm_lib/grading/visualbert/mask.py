"""Checker for the attention mask over words and regions.

Source: VisualBERT, section 3.2 (arXiv 1908.03557). Chapter: 11_visualbert.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _joined(text: Tensor, regions: Tensor) -> Tensor:
    return torch.cat([text, regions], dim=1)


def _right(text_mask: Tensor, region_mask: Tensor) -> Tensor:
    there = _joined(text_mask, region_mask)
    return there[:, :, None] & there[:, None, :]


def _is_text(text: Tensor, regions: Tensor) -> Tensor:
    return _joined(torch.ones_like(text), torch.zeros_like(regions))


def _apart(text: Tensor, regions: Tensor) -> Tensor:
    kind = _is_text(text, regions)
    return _right(text, regions) & (kind[:, :, None] == kind[:, None, :])


def _words_see_words(text: Tensor, regions: Tensor) -> Tensor:
    kind = _is_text(text, regions)
    return _right(text, regions) & ~(kind[:, :, None] & ~kind[:, None, :])


def _causal(text: Tensor, regions: Tensor) -> Tensor:
    mask = _right(text, regions)
    return mask & torch.ones(mask.shape[1:], dtype=torch.bool).tril()


MASK_MISTAKES = {
    "columns_only": Mistake(
        lambda text, regions: _joined(text, regions)[:, None, :].expand(-1, text.shape[1] + regions.shape[1], -1),
        "Your padded positions attend as well. Here their rows are all False.",
    ),
    "rows_only": Mistake(
        lambda text, regions: _joined(text, regions)[:, :, None].expand(-1, -1, text.shape[1] + regions.shape[1]),
        "Your positions attend to padding: a padded column must be False in every row.",
    ),
    "everything": Mistake(
        lambda text, regions: torch.ones_like(_right(text, regions)),
        "Your mask does not depend on what is padding.",
    ),
    "causal": Mistake(
        _causal, "Your mask is causal. BERT reads in both directions: every position sees all others."
    ),
    "apart": Mistake(
        _apart, "Words see words and regions see regions, and they never meet. Here all meet in all layers."
    ),
    "words_see_words": Mistake(
        _words_see_words, "Your words see no regions: that is a language model with pictures beside it."
    ),
    "regions_first": Mistake(
        lambda text, regions: _right(regions, text), "Your regions stand before the words; they come after them."
    ),
    "inverted": Mistake(
        lambda text, regions: ~_right(text, regions), "Your mask is inverted: True means 'may attend'."
    ),
    "a_row_per_picture": Mistake(
        _joined,
        "You return what is there. The mask has a row for every position that looks, and a column for each.",
    ),
    "sees_itself": Mistake(
        lambda text, regions: _right(text, regions) | torch.eye(_joined(text, regions).shape[1], dtype=torch.bool),
        "Your padding attends to itself. Here its rows and columns are False throughout.",
    ),
    "either": Mistake(
        lambda text, regions: _joined(text, regions)[:, :, None] | _joined(text, regions)[:, None, :],
        "You allow a pair when one of the two is there. Both have to be.",
    ),
}


def mask_cases(seed: int = 0) -> list[Case]:
    """Texts and lists of regions of several lengths, padded on the right."""
    rng = torch.Generator().manual_seed(seed)
    words, boxes = (torch.randint(1, most, (3, 1), generator=rng) for most in (5, 3))
    text, regions = torch.arange(5) < words, torch.arange(3) < boxes
    return [(text, regions), (torch.tensor([[True, True, False]]), torch.tensor([[True, False]]))]


check_joint_mask = Task(
    name="joint mask",
    asks='answer(text_mask: Bool["batch seq"], region_mask: Bool["batch regions"]) -> '
    'Bool["batch positions positions"]: words, then regions; True where both row and column are there',
    right=_right,
    mistakes=MASK_MISTAKES,
    cases=mask_cases,
    praise="whatever is there sees whatever is there, words and regions alike.",
)
