"""Checker for BERT's masking: 8 in 10 masked, 1 in 10 replaced, 1 in 10 kept; all of them asked for.

Source: BERT, section 3.1 (arXiv 1810.04805). Chapter: 11_visualbert.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task

IGNORED = -100


def _read(ids: Tensor, masked: Tensor, replaced: Tensor, anything: Tensor, mask_id: int) -> Tensor:
    return torch.where(replaced, anything, ids.masked_fill(masked, mask_id))


def _right(
    input_ids: Tensor, chosen: Tensor, draw: Tensor, anything: Tensor, mask_id: int
) -> tuple[Tensor, Tensor]:
    masked, replaced = chosen & (draw < 0.8), chosen & (draw >= 0.8) & (draw < 0.9)
    read = _read(input_ids, masked, replaced, anything, mask_id)
    return read, input_ids.masked_fill(~chosen, IGNORED)


def _with_labels(labels):
    """The right reading with other labels, from (read, labels, chosen, draw, input_ids, mask_id)."""

    def wrong(input_ids, chosen, draw, anything, mask_id):
        read, right = _right(input_ids, chosen, draw, anything, mask_id)
        return read, labels(read, right, chosen, draw, input_ids, mask_id)

    return wrong


def _with_reading(masked, replaced):
    """The right labels with another reading: which of the positions are masked, and which replaced."""

    def wrong(input_ids, chosen, draw, anything, mask_id):
        read = _read(input_ids, masked(chosen, draw), replaced(chosen, draw), anything, mask_id)
        return read, input_ids.masked_fill(~chosen, IGNORED)

    return wrong


def _never(chosen: Tensor, draw: Tensor) -> Tensor:
    return torch.zeros_like(chosen)


MASKING_MISTAKES = {
    "all_masked": Mistake(
        _with_reading(lambda chosen, draw: chosen, _never),
        "You mask every chosen word. One in ten is replaced by another word, and one in ten stays.",
    ),
    "none_replaced": Mistake(
        _with_reading(lambda chosen, draw: chosen & (draw < 0.8), _never),
        "No word is replaced by another: that happens where draw is from 0.8 up to 0.9.",
    ),
    "none_kept": Mistake(
        _with_reading(lambda chosen, draw: chosen & (draw < 0.8), lambda chosen, draw: chosen & (draw >= 0.8)),
        "You replace all of the last two tenths. Where draw is 0.9 or more, the word stays.",
    ),
    "overwritten": Mistake(
        _with_reading(_never, lambda chosen, draw: chosen & (draw < 0.9)),
        "You replace words with a draw below 0.8 as well, over the mask. Replaced are those from 0.8 on.",
    ),
    "kept_and_replaced": Mistake(
        _with_reading(lambda chosen, draw: chosen & (draw < 0.8), lambda chosen, draw: chosen & (draw >= 0.9)),
        "You exchange the last two tenths: from 0.8 up to 0.9 a word is replaced, from 0.9 on it stays.",
    ),
    "limits": Mistake(
        _with_reading(
            lambda chosen, draw: chosen & (draw <= 0.8), lambda chosen, draw: chosen & (draw > 0.8) & (draw <= 0.9)
        ),
        "Mind the limits: masked are draws below 0.8, not 0.8 itself, and replaced are those below 0.9.",
    ),
    "unchosen": Mistake(
        _with_reading(lambda chosen, draw: draw < 0.8, lambda chosen, draw: (draw >= 0.8) & (draw < 0.9)),
        "You change words that were not chosen.",
    ),
    "turned_round": Mistake(
        _with_reading(
            lambda chosen, draw: chosen & (draw >= 0.2), lambda chosen, draw: chosen & (draw >= 0.1) & (draw < 0.2)
        ),
        "You take the tenths from the wrong end: below 0.8 means masked.",
    ),
    "all_labels": Mistake(
        _with_labels(lambda read, right, chosen, draw, ids, mask_id: ids),
        "Every word has a label. Those that were not chosen would only be copied: their label is -100.",
    ),
    "zero_labels": Mistake(
        _with_labels(lambda read, right, chosen, draw, ids, mask_id: ids * chosen),
        "Where nothing is asked your label is 0, which is a word. The label that a loss ignores is -100.",
    ),
    "masked_labels": Mistake(
        _with_labels(lambda read, right, chosen, draw, ids, mask_id: right.masked_fill(read != mask_id, IGNORED)),
        "Only words behind the mask have a label. The ones replaced and the ones kept are asked for as well.",
    ),
    "read_labels": Mistake(
        _with_labels(lambda read, right, chosen, draw, ids, mask_id: read.masked_fill(~chosen, IGNORED)),
        "Your labels are what the model reads. They should be the true words.",
    ),
    "inverted_labels": Mistake(
        _with_labels(lambda read, right, chosen, draw, ids, mask_id: ids.masked_fill(chosen, IGNORED)),
        "Your labels are -100 at the chosen words and the words elsewhere: it is the other way round.",
    ),
}


def masking_cases(seed: int = 0) -> list[Case]:
    """A batch in which every fate occurs among the chosen words and among the others."""
    rng = torch.Generator().manual_seed(seed)
    input_ids = torch.randint(5, 15, (2, 10), generator=rng)
    anything = torch.randint(15, 25, (2, 10), generator=rng)
    fates = torch.tensor([0.05, 0.5, 0.79, 0.85, 0.95, 0.15, 0.8, 0.9, 0.3, 0.83])
    draw = torch.stack([fates[torch.randperm(10, generator=rng)] for _ in range(2)])
    chosen = torch.stack([torch.isin(draw[0], fates[:7]), torch.isin(draw[1], fates[3:])])
    return [(input_ids, chosen, draw, anything, 4), (input_ids.flip(0), chosen.flip(0), draw.flip(0), anything, 3)]


check_mask_words = Task(
    name="masking words",
    asks="answer(input_ids, chosen, draw, anything, mask_id) -> (read, labels): of the chosen words those with "
    "draw below 0.8 become mask_id, those below 0.9 the word of `anything`, the rest stay; labels are -100 "
    "elsewhere",
    right=_right,
    mistakes=MASKING_MISTAKES,
    cases=masking_cases,
    praise="the model cannot know which of the words it reads are true, and is asked for every chosen one.",
)
