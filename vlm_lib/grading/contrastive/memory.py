"""How an answer goes through a stream of blocks: whether it does the work itself, and how much it holds meanwhile.

Memory is counted in numbers, by watching the tensors that torch makes: the same on every machine.
"""

import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vlm_lib.grading.kit.calls import count_calls, off_stderr

READY_MADE = ("logsumexp", "logaddexp", "logaddexp2", "logcumsumexp", "log_softmax", "softmax", "cross_entropy")
ROWS, WIDTH, LENGTH = 2, 3, 64  # of the stream on which memory is counted
ROOM = 6  # blocks' worth of numbers that may be alive at once


class _CountAlive(TorchFunctionMode):
    """Counts the numbers in those tensors that torch made while this was on and that are still referred to."""

    def __init__(self):
        super().__init__()
        self.made: list[weakref.ref] = []
        self.most = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.made += [weakref.ref(result)] if isinstance(result, Tensor) else []
        return result

    def count(self) -> None:
        alive = {id(tensor): tensor for tensor in (ref() for ref in self.made) if tensor is not None}
        self.most = max(self.most, sum(tensor.numel() for tensor in alive.values()))


def _counted(blocks: list[Tensor], counter: _CountAlive) -> Iterator[Tensor]:
    """A stream that counts what is alive before it hands over each block, and when it ends."""
    for block in blocks:
        counter.count()
        yield block.clone()
    counter.count()


def work_left_out(answer: Callable) -> str | None:
    """A message if an answer with the right values lets torch do its work or holds too much, else None."""
    blocks = list(torch.randn(LENGTH, ROWS, WIDTH, generator=torch.Generator().manual_seed(0)))
    try:
        calls = count_calls(answer, iter(blocks))
        with off_stderr(), _CountAlive() as counter:
            answer(_counted(blocks, counter))
    except Exception as error:  # the answer's own, with another number of rows than before
        return f"It raised {type(error).__name__}: {error} with {LENGTH} blocks of {ROWS} rows."
    ready = [name for name in READY_MADE if calls[name]]
    if ready:
        return f"The values are right, but torch's {ready[0]} does the work. Write it with max, exp, sum and log."
    if counter.most > ROOM * ROWS * WIDTH:
        return (
            f"The values are right, but in a stream of {LENGTH} blocks with {ROWS * WIDTH} numbers each, up "
            f"to {counter.most} numbers are held at once: you keep something of every block. Two numbers "
            "for each row do."
        )
    return None
