"""What a stream's log-sum-exp demands besides its values: its own work, and little memory."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vlm_lib.grading.kit import own_work
from vlm_lib.grading.kit.watch import CountAlive, watch

READY_MADE = ("logsumexp", "logaddexp", "logaddexp2", "logcumsumexp", "log_softmax", "softmax", "cross_entropy")
ROWS, WIDTH, LENGTH = 2, 3, 64  # of the stream on which memory is counted
ROOM = 6  # blocks' worth of numbers that may be alive at once


def _blocks() -> list[Tensor]:
    return list(torch.randn(LENGTH, ROWS, WIDTH, generator=torch.Generator().manual_seed(0)))


own_log_sum_exp = own_work(READY_MADE, "max, exp, sum and log", lambda: (iter(_blocks()),))


def _counted(blocks: list[Tensor], counter: CountAlive) -> Iterator[Tensor]:
    """A stream that counts what is alive before it hands over each block, and when it ends."""
    for block in blocks:
        counter.count()
        yield block.clone()
    counter.count()


def little_memory(answer: Callable) -> str | None:
    """A message for an answer that keeps something of every block, counted in numbers alive at once."""
    counter = CountAlive()
    watch(counter, lambda blocks: answer(_counted(blocks, counter)), [_blocks()])
    if counter.most <= ROOM * ROWS * WIDTH:
        return None
    return (
        f"The values are right, but in a stream of {LENGTH} blocks with {ROWS * WIDTH} numbers each, up "
        f"to {counter.most} numbers are held at once: you keep something of every block. Two numbers "
        "for each row do."
    )
