"""Finding loops over positions by counting calls of torch, which says the same on a fast and on a slow machine."""

from collections import Counter
from collections.abc import Callable

from torch.overrides import TorchFunctionMode, resolve_name

LEAVES_TORCH = ("tolist", "numpy", "__array__", "__iter__")
SHORT, LONG = 8, 64


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
    with _CountCalls() as counter:
        function(*arguments)
    return counter.calls


def loop_over_positions(answer: Callable, inputs: Callable[[int], tuple]) -> str | None:
    """A message if `answer` walks through positions in Python, else None. `inputs(seq)` makes its arguments."""
    short, long = (count_calls(answer, *inputs(seq)) for seq in (SHORT, LONG))
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
