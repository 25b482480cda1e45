"""Checker for a log-sum-exp over a stream of blocks: right at any size of score, and with little memory.

Source: the running maximum and sum of Milakov and Gimelshein (arXiv 1805.02867); for the contrastive loss: Inf-CL
(arXiv 2410.17243). Chapter: 02_contrastive.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from vlm_lib.grading.contrastive.memory import little_memory, own_log_sum_exp
from vlm_lib.grading.kit import Case, Mistake, Task

Blocks = Iterator[Tensor]


def _right(blocks: Blocks) -> Tensor:
    return torch.cat(list(blocks), dim=1).double().logsumexp(1).float()


def _running(
    shift: Callable = torch.maximum,
    start: float = -torch.inf,
    rescale: Callable = lambda old, new: (old - new).exp(),
    result: Callable = lambda highest, total: highest + total.log(),
) -> Callable:
    """The running log-sum-exp, row by row; a mistake changes one of its parts.

    `shift` makes the new shift of the old one and the block's row maxima, `start` is the first of them.
    """

    def run(blocks: Blocks) -> Tensor:
        highest, total = torch.tensor(start), torch.tensor(0.0)
        for block in blocks:
            new = shift(highest, block.amax(1))
            total = total * rescale(highest, new) + (block - new[:, None]).exp().sum(1)
            highest = new
        return result(highest, total)

    return run


def _two_passes(blocks: Blocks) -> Tensor:
    highest = torch.stack([block.amax(1) for block in blocks]).amax(0)
    total = sum(((block - highest[:, None]).exp().sum(1) for block in blocks), torch.tensor(0.0))
    return highest + total.log()


STREAM_MISTAKES = {
    "no_shift": Mistake(
        lambda blocks: sum(block.exp().sum(1) for block in blocks).log(),
        "You take exp of the scores as they are: inf where they are large, and 0 where they are very negative, in "
        "float64 as well. Subtract each row's maximum first.",
    ),
    "first_shift": Mistake(
        _running(lambda old, new: new if old.ndim == 0 else old),
        "You keep the maximum of the first block. A later block may lie far above it (inf) or be all that "
        "counts: update the maximum, and rescale what is summed so far.",
    ),
    "not_rescaled": Mistake(
        _running(rescale=lambda old, new: (old > -torch.inf).float()),
        "The maximum grows, but the sum so far keeps its old shift. Multiply it by exp(old maximum - new "
        "maximum).",
    ),
    "rescaled_inversely": Mistake(
        _running(rescale=lambda old, new: torch.where(old > -torch.inf, (new - old).exp(), 0.0)),
        "You rescale the wrong way round: the sum so far shrinks when the maximum grows, by exp(old - new).",
    ),
    "shared_shift": Mistake(
        _running(lambda old, new: torch.maximum(old, new.max()).expand_as(new)),
        "-inf: you use one maximum for all rows. In a row that lies far below it every exp is 0. Each row "
        "has its own.",
    ),
    "starts_at_zero": Mistake(
        lambda blocks: reduce(torch.logaddexp, (block.logsumexp(1) for block in blocks), torch.tensor(0.0)),
        "You start from 0 as if it were an empty sum, but a log-sum-exp of 0 holds one term, exp(0). The "
        "log of an empty sum is -inf.",
    ),
    "maximum_from_zero": Mistake(
        _running(start=0.0),
        "Your maximum starts at 0, so it stays 0 where all scores are far below, and every exp is 0. "
        "Start at -inf, or with the first block.",
    ),
    "maximum_only": Mistake(
        _running(result=lambda highest, total: highest),
        "You return the maximum. It is close at a large scale, but the log of the shifted sum is missing.",
    ),
    "shift_not_added": Mistake(
        _running(result=lambda highest, total: total.log()),
        "The log of the shifted sum is there; add the maximum that you subtracted.",
    ),
    "no_log": Mistake(
        _running(result=lambda highest, total: highest.exp() * total),
        "You return the sum of the exponentials; the log is missing.",
    ),
    "last_block": Mistake(
        lambda blocks: list(blocks)[-1].logsumexp(1),
        "Only the last block counts: each block overwrites the ones before.",
    ),
    "blocks_added": Mistake(
        lambda blocks: sum(block.logsumexp(1) for block in blocks),
        "You add the blocks' log-sum-exps. The log of a sum is no sum of logs: add the exponentials.",
    ),
    "over_rows": Mistake(
        lambda blocks: torch.cat([block.logsumexp(0) for block in blocks]),
        "You sum down the rows: one value for each column. Expected one for each row, over all columns.",
    ),
    "read_twice": Mistake(
        _two_passes, "-inf: you go through the stream twice, and the second time it is empty. One pass has to do."
    ),
}


def stream_cases(seed: int = 0) -> list[Case]:
    """Scores and the widths of their blocks: moderate; rows that climb, fall, or lie deep or high; all deep."""
    rng = torch.Generator().manual_seed(seed)
    moderate = 2 * torch.randn(3, 7, generator=rng).sort(dim=1).values
    noise = torch.randn(4, 8, generator=rng)
    ramp = torch.linspace(-1000, 1000, 8)
    steep = noise + torch.stack([ramp, -ramp, torch.full((8,), -800.0), torch.full((8,), 900.0)])
    return [(moderate, [3, 3, 1]), (steep, [2, 2, 2, 2]), (noise - 900, [5, 3]), (moderate[:, :4], [4])]


def _streamed(answer: Callable, scores: Tensor, widths: list[int]) -> Any:
    return answer(block.clone() for block in scores.split(widths, dim=1))


check_streaming_log_sum_exp = Task(
    name="streaming log-sum-exp",
    asks='answer(blocks: Iterator[Float["rows columns"]]) -> Float["rows"], in one pass and little memory',
    right=_right,
    use=_streamed,
    placeholder=lambda blocks: torch.tensor(0.0),
    mistakes=STREAM_MISTAKES,
    cases=stream_cases,
    demands=[own_log_sum_exp, little_memory],
    praise="one pass, two numbers for each row, and no overflow.",
)
