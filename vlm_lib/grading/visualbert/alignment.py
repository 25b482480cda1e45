"""Checker for the position of a region that is aligned with words: the mean of their positions.

Source: visualbert/pytorch_pretrained_bert/modeling.py (uclanlp/visualbert); the paper's text has a sum instead
(arXiv 1908.03557, section 3.2). Chapter: 11_visualbert.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _total(words: Tensor, positions: Tensor) -> Tensor:
    return (positions[words.clamp(min=0)] * (words >= 0)[..., None]).sum(dim=2)


def _count(words: Tensor) -> Tensor:
    return (words >= 0).sum(dim=2)[..., None]


ALIGNMENT_MISTAKES = {
    "sum": Mistake(
        _total, "You add the positions (as the paper's text has it). The code that made its numbers averages them."
    ),
    "sum_with_padding": Mistake(
        lambda words, positions: positions[words].sum(dim=2),
        "You add the positions, and your -1 picks the last row of the table. Padding adds nothing; then average.",
    ),
    "padded_length": Mistake(
        lambda words, positions: _total(words, positions) / words.shape[2],
        "You divide by the padded length. Divide by the number of words that are there.",
    ),
    "last_row": Mistake(
        lambda words, positions: positions[words].mean(dim=2),
        "Your -1 picks the last row of the table: padding counts as a word.",
    ),
    "first_row": Mistake(
        lambda words, positions: positions[words.clamp(min=0)].mean(dim=2),
        "You count padding as position 0. It has to add nothing, and not to be counted.",
    ),
    "first_row_added": Mistake(
        lambda words, positions: positions[words.clamp(min=0)].sum(dim=2) / _count(words).clamp(min=1),
        "You divide by the right number, but padding still adds position 0 to the sum.",
    ),
    "nan": Mistake(
        lambda words, positions: _total(words, positions) / _count(words),
        "NaN for a region without words: 0/0. Such a region gets 0.",
    ),
    "first_word": Mistake(
        lambda words, positions: positions[words.clamp(min=0)[..., 0]] * (words[..., :1] >= 0),
        "You take the first word of each region only.",
    ),
    "counted_from_one": Mistake(
        lambda words, positions: _total((words - 1).clamp(min=-1), positions) / _count(words).clamp(min=1),
        "Off by one: position 0 is row 0 of the table.",
    ),
    "position_0_ignored": Mistake(
        lambda words, positions: _right(words.masked_fill(words == 0, -1), positions),
        "You take position 0 for padding: a word can stand there. Only -1 is padding.",
    ),
}


def _right(words: Tensor, positions: Tensor) -> Tensor:
    return _total(words, positions) / _count(words).clamp(min=1)


def alignment_cases(seed: int = 0) -> list[Case]:
    """Regions with three, two, one and no words; some of the words stand at position 0."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.stack([torch.randperm(7, generator=rng)[:3] for _ in range(8)]).view(2, 4, 3)
    rows[0, 0, 0] = rows[1, 1, 1] = 0
    there = torch.tensor([3, 2, 1, 0])[:, None] > torch.arange(3)
    words = torch.where(there, rows, -1)
    positions = torch.randn(9, 5, generator=rng)
    return [(words, positions), (words[:1, :2], 2 * positions)]


check_aligned_position = Task(
    name="aligned position",
    asks='answer(words: Int["batch regions words"], positions: Float["rows dim"]) -> Float["batch regions dim"]: '
    "the mean over each region's words; -1 is padding, no word gives 0",
    right=_right,
    mistakes=ALIGNMENT_MISTAKES,
    gradients=("positions",),
    cases=alignment_cases,
    praise="each region has the mean position of its own words, and padding counts for nothing.",
)
