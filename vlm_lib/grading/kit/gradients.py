"""The gradient that comes back through an answer, as one more look at it."""

from collections.abc import Callable, Sequence
from functools import wraps

import torch
from torch import Tensor

from vlm_lib.grading.kit.compare import Mistake

NO_GRADIENT = "The result is right, but no gradient comes back through it."
NOT_ITS_GRADIENT = "The result is right, its gradient is not. "


def gradients(use: Callable, names: Sequence[str], wanted: Sequence[str]) -> Callable:
    """A use of an answer: the gradients of one number made from its result, in the arguments named in `wanted`.

    An argument that the result does not depend on has the gradient 0, as has every one of a cut-off result.
    """

    @wraps(use)  # so that its arguments keep their names
    def run(answer: Callable, *case) -> dict[str, Tensor]:
        arguments = {
            name: value.clone().requires_grad_() if name in wanted else value
            for name, value in zip(names, case, strict=True)
        }
        out = use(answer, *arguments.values())
        inputs = [arguments[name] for name in wanted]
        if not out.requires_grad:
            return {name: torch.zeros_like(arguments[name]) for name in wanted}
        found = torch.autograd.grad(out.square().sum(), inputs, materialize_grads=True)
        return dict(zip(wanted, found, strict=True))

    return run


def cut_off(right: Callable, names: Sequence[str], wanted: Sequence[str]) -> dict[str, Mistake]:
    """Right values whose graph is cut off: the whole of it, or one argument of several."""

    def without(cut: str) -> Callable:
        return lambda *case: right(
            *(x.detach() if name == cut else x for name, x in zip(names, case, strict=True))
        )

    table = {"detached": Mistake(lambda *case: right(*case).detach(), NO_GRADIENT)}
    if len(wanted) > 1:
        for name in wanted:
            text = f"The result is right, but no gradient reaches {name}."
            table[f"{name}_detached"] = Mistake(without(name), text)
    return table
