"""What an answer calls and makes, counted where torch runs it: the same on a fast and on a slow machine."""

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from vlm_lib.grading.kit.compare import attempt, raised
from vlm_lib.grading.kit.values import show


class AnswerRaised(Exception):
    """An answer raised an exception while it was watched; the message quotes it and shows the arguments."""


def watch(under: contextlib.AbstractContextManager, function: Callable, arguments: Sequence) -> Any:
    """What `function(*arguments)` returns, with `under` watching its calls. Raises: AnswerRaised."""
    outcome = attempt(function, tuple(arguments), under)
    if outcome.error is not None:
        shown = ", ".join(map(show, arguments))
        raise AnswerRaised(f"{raised(outcome.error)} with ({shown}).") from outcome.error
    return outcome.returned


class _Calls(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = resolve_name(function) or getattr(function, "__name__", repr(function))
        self.calls[name.rpartition(".")[2]] += 1
        return function(*args, **(kwargs or {}))


def count_calls(function: Callable, *arguments) -> Counter[str]:
    """How often each function and method of torch is called, directly, while `function(*arguments)` runs."""
    counter = _Calls()
    watch(counter, function, arguments)
    return counter.calls


def _elementwise(a_shape, b_shape, *args, out_shape=None, **kwargs) -> int:
    """A product element by element, in the counter's unit of two operations for each multiply-add."""
    return 2 * prod(out_shape)


def multiply_adds(function: Callable, *arguments) -> int:
    """Multiply-adds of all matrix products, convolutions and elementwise products that `function` runs."""
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mul: _elementwise})
    watch(counter, function, arguments)
    return counter.get_total_flops() // 2


class _Largest(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for made in out if isinstance(out, tuple | list) else [out]:
            if isinstance(made, Tensor):
                self.elements = max(self.elements, made.numel())
        return out


def largest_tensor(function: Callable, *arguments) -> int:
    """Elements of the largest tensor that `function(*arguments)` makes; 0 if it makes none."""
    seen = _Largest()
    watch(seen, function, arguments)
    return seen.elements


class CountAlive(TorchFunctionMode):
    """Counts the numbers in those tensors that torch made while this was on and that are still referred to.

    It counts when `count` is called; `most` is the largest count so far.
    """

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
