"""What an answer makes and how much it multiplies: counted where torch runs it, so that no clock is needed."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from vlm_lib.grading.kit.calls import off_stderr


def _elementwise(a_shape, b_shape, *args, out_shape=None, **kwargs) -> int:
    """A product element by element, in the counter's unit of two operations for each multiply-add."""
    return 2 * prod(out_shape)


def multiply_adds(function: Callable, *arguments) -> int:
    """Multiply-adds of all matrix products, convolutions and elementwise products that `function` runs."""
    with (
        off_stderr(),
        FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mul: _elementwise}) as counter,
    ):
        function(*arguments)
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
    with off_stderr(), _Largest() as seen:
        function(*arguments)
    return seen.elements
