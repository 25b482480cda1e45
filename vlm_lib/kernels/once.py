"""Backward passes that can be differentiated once, and say so when asked again.

`torch.autograd.function.once_differentiable` is not enough: it looks only at the incoming gradient, which for
a loss is a constant, and so a gradient penalty would silently get no gradient at all.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor


class _Refuse(torch.autograd.Function):
    """The identity of `gradient`, tied to the inputs it was computed from, with an error for a derivative."""

    @staticmethod
    def forward(ctx, advice, gradient, *inputs):
        ctx.advice = advice
        return gradient.clone()

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(f"this gradient cannot be differentiated again: {ctx.advice}")


def once_differentiable(advice: str) -> Callable:
    """Decorator of a `torch.autograd.Function.backward`: no graph is recorded in it, and differentiating its
    result raises `RuntimeError` with the `advice`. The tensors on which the gradient depends must be saved
    ones."""

    def decorate(backward: Callable) -> Callable:
        @functools.wraps(backward)
        def wrapped(ctx, *gradients):
            with torch.no_grad():
                results = backward(ctx, *gradients)
            if not torch.is_grad_enabled():  # enabled only for create_graph=True
                return results
            sources = [t for t in (*ctx.saved_tensors, *gradients) if isinstance(t, Tensor)]
            return tuple(r if r is None else _Refuse.apply(advice, r, *sources) for r in results)

        return wrapped

    return decorate
