"""What a sheet demands of an answer besides its values: no loop over positions, its own work instead of torch's.

A demand takes the answer and returns a message, or None if it is met. It is asked of right answers only.
"""

from collections.abc import Callable, Sequence

from vlm_lib.grading.kit.watch import count_calls

Demand = Callable[[Callable], str | None]
LEAVES_TORCH = ("tolist", "numpy", "__array__", "__iter__")
SHORT, LONG = 8, 64


def no_loop(inputs: Callable[[int], tuple]) -> Demand:
    """No walk through positions in Python: `inputs(seq)` makes the arguments for one sequence of that length."""

    def demand(answer: Callable) -> str | None:
        short, long = (count_calls(answer, *inputs(seq)) for seq in (SHORT, LONG))
        left = [name for name in LEAVES_TORCH if long[name]]
        if long.total() > short.total():
            return (
                f"The values are right, but you loop over positions: {SHORT} of them take {short.total()} calls "
                f"of torch, {LONG} take {long.total()}. One call on the whole tensor can do it."
            )
        if left:
            return (
                f"The values are right, but you leave torch by `{left[0]}`. Stay with the tensor: "
                "on a GPU each copy to Python is a wait."
            )
        return None

    return demand


def own_work(forbidden: Sequence[str], instead: str, inputs: Callable[[], tuple]) -> Demand:
    """None of torch's `forbidden` functions is called on `inputs()`; `instead` says what to write it with."""

    def demand(answer: Callable) -> str | None:
        calls = count_calls(answer, *inputs())
        used = [name for name in forbidden if calls[name]]
        if used:
            return f"The values are right, but torch's {used[0]} does the work. Write it with {instead}."
        return None

    return demand
