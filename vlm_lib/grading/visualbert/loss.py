"""Checker for the loss of pretraining: masked words, and whether two captions match.

Source: VisualBERT, section 3.3 (arXiv 1908.03557). Chapter: 11_visualbert.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _words(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    return F.cross_entropy(logits[:, : labels.shape[1]].transpose(1, 2), labels, reduction=reduction)


def _right(word_logits: Tensor, word_labels: Tensor, match_logits: Tensor, match_labels: Tensor) -> Tensor:
    return _words(word_logits, word_labels) + F.cross_entropy(match_logits, match_labels)


def _mean_of_means(logits: Tensor, labels: Tensor, match: Tensor, match_labels: Tensor) -> Tensor:
    each = [_words(row, label) for row, label in zip(logits.split(1), labels.split(1), strict=True)]
    return torch.stack(each).mean() + F.cross_entropy(match, match_labels)


def _regions_first(logits: Tensor, labels: Tensor, match: Tensor, match_labels: Tensor) -> Tensor:
    return _right(logits[:, -labels.shape[1] :], labels, match, match_labels)


def _all_positions(logits: Tensor, labels: Tensor, match: Tensor, match_labels: Tensor) -> Tensor:
    return _words(logits, labels, "sum") / labels.numel() + F.cross_entropy(match, match_labels)


def _shifted(logits: Tensor, labels: Tensor, match: Tensor, match_labels: Tensor) -> Tensor:
    return _right(logits[:, : labels.shape[1] - 1], labels[:, 1:], match, match_labels)


def _regions_asked(logits: Tensor, labels: Tensor, match: Tensor, match_labels: Tensor) -> Tensor:
    zeros = labels.new_zeros(len(labels), logits.shape[1] - labels.shape[1])
    return _right(logits, torch.cat([labels, zeros], dim=1), match, match_labels)


def _by_caption(logits: Tensor, labels: Tensor, match: Tensor, match_labels: Tensor) -> Tensor:
    return _words(logits, labels, "sum") / len(labels) + F.cross_entropy(match, match_labels)


LOSS_MISTAKES = {
    "words_only": Mistake(
        lambda *case: _words(*case[:2]), "The second objective is missing: add the cross-entropy of the match."
    ),
    "match_only": Mistake(
        lambda *case: F.cross_entropy(*case[2:]), "The first objective is missing: add that of the masked words."
    ),
    "mean_of_both": Mistake(
        lambda *case: _right(*case) / 2, "You take the mean of the two losses; they are added."
    ),
    "subtracted": Mistake(
        lambda *case: _words(*case[:2]) - F.cross_entropy(*case[2:]),
        "You subtract the second loss. The minus in the formula belongs to the logarithm; a cross-entropy has it.",
    ),
    "match_summed": Mistake(
        lambda *case: _words(*case[:2]) + F.cross_entropy(*case[2:], reduction="sum"),
        "You sum over the matches; their loss is a mean as well.",
    ),
    "regions_asked": Mistake(
        _regions_asked, "You ask regions for word 0. They have no label: cut them off, or label them -100."
    ),
    "unmasked_asked": Mistake(
        lambda *case: _right(case[0], case[1].clamp(min=0), *case[2:]),
        "You turn -100 into 0 and ask for word 0 there. Those positions do not count at all.",
    ),
    "by_caption": Mistake(
        _by_caption, "You divide by the number of captions. Divide by that of the masked words."
    ),
    "all_positions": Mistake(
        _all_positions, "You divide by all positions. Only those with a label count, and are counted."
    ),
    "summed": Mistake(
        lambda *case: _words(*case[:2], "sum") + F.cross_entropy(*case[2:]),
        "You sum over the masked words; the loss is their mean.",
    ),
    "mean_of_means": Mistake(
        _mean_of_means, "You average each caption first: masked words of short lists weigh more."
    ),
    "regions_first": Mistake(
        _regions_first, "You take the logits of the last positions: those are regions. Words come first."
    ),
    "shifted": Mistake(
        _shifted,
        "You shift the labels by one, as for a model that writes. A masked word is asked for where it stands.",
    ),
    "wrong_class": Mistake(
        lambda *case: _right(*case[:3], 1 - case[3]), "You exchange the classes: 0 is a match, 1 is not."
    ),
}


def loss_cases(seed: int = 0) -> list[Case]:
    """Captions with three, one and two labels; two regions behind the words."""
    rng = torch.Generator().manual_seed(seed)
    logits, match = 2 * torch.randn(3, 7, 6, generator=rng), torch.randn(3, 2, generator=rng)
    labels = torch.randint(6, (3, 5), generator=rng)
    asked = torch.tensor([[1, 0, 1, 1, 0], [0, 0, 0, 1, 0], [0, 1, 0, 0, 1]]).bool()
    labels = labels.masked_fill(~asked, -100)
    return [
        (logits, labels, match, torch.tensor([0, 1, 1])),
        (logits[:2], labels[:2], match[:2], torch.tensor([1, 0])),
    ]


check_pretraining_loss = Task(
    name="pretraining loss",
    asks='answer(word_logits: Float["batch positions vocab"], word_labels: Int["batch seq"], '
    'match_logits: Float["batch 2"], match_labels: Int["batch"]) -> Float[""]',
    right=_right,
    mistakes=LOSS_MISTAKES,
    gradients=("word_logits", "match_logits"),
    cases=loss_cases,
    praise="masked words count once each, regions never, and the match is added.",
)
