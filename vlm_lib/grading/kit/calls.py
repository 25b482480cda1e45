"""How an answer is called, and what it calls: loops over positions are found by counting calls of torch.

A count says the same on a fast and on a slow machine.
"""

import contextlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator

from torch.overrides import TorchFunctionMode, resolve_name

LEAVES_TORCH = ("tolist", "numpy", "__array__", "__iter__")
SHORT, LONG = 8, 64


@contextlib.contextmanager
def off_stderr() -> Iterator[None]:
    """Ignore warnings and turn stderr into stdout: nbgrader gives no points to a cell that uses stderr."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(sys.stdout):
        warnings.simplefilter("ignore")
        yield


class _CountCalls(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = resolve_name(function) or getattr(function, "__name__", repr(function))
        self.calls[name.rpartition(".")[2]] += 1
        return function(*args, **(kwargs or {}))


def count_calls(function: Callable, *arguments) -> Counter[str]:
    """How often each function and method of torch is called, directly, while `function(*arguments)` runs."""
    with off_stderr(), _CountCalls() as counter:
        function(*arguments)
    return counter.calls


def loop_over_positions(answer: Callable, inputs: Callable[[int], tuple]) -> str | None:
    """A message if `answer` walks through positions in Python, else None. `inputs(seq)` makes its arguments."""
    try:
        short, long = (count_calls(answer, *inputs(seq)) for seq in (SHORT, LONG))
    except Exception as error:  # the answer's own, with a batch of another size than before
        return f"It raised {type(error).__name__}: {error} with one sequence of {SHORT} or {LONG} positions."
    left = [name for name in LEAVES_TORCH if long[name]]
    if long.total() > short.total():
        return (
            f"The values are right, but you loop over positions: {SHORT} of them take {short.total()} calls of "
            f"torch, {LONG} take {long.total()}. One call on the whole tensor can do it."
        )
    if left:
        return (
            f"The values are right, but you leave torch by `{left[0]}`. Stay with the tensor: "
            "on a GPU each copy to Python is a wait."
        )
    return None
