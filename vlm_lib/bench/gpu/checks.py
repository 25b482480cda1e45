"""A finding of the parity part: an error against float64, what is allowed, and the traceback of what broke."""

import os
import traceback
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

ALLOWED = {torch.float32: 3e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}  # relative errors


def relative_error(got: Sequence[Tensor], true: Sequence[Tensor]) -> float:
    """The largest of |got - true| / |true| (norms) over the tensors; a true value of 0 must be met exactly."""
    errors = []
    for one, other in zip(got, true, strict=True):
        difference = (one.double() - other.double()).norm()
        errors.append(float(difference / other.double().norm().clamp(min=1e-300)) if difference > 0 else 0.0)
        if not torch.isfinite(one).all():
            errors.append(float("inf"))
    return max(errors)


def named(*parts: object) -> str:
    """The name of a check; a dtype without its module, and nothing for what is None."""
    return ", ".join(str(part).removeprefix("torch.") for part in parts if part is not None)


def checked(name: str, allowed: float, error: Callable[..., float], *arguments: object) -> dict:
    """The finding of one check: passed if error(*arguments) is at most `allowed`."""
    try:
        size = error(*arguments)
    except Exception as problem:  # noqa: BLE001  a check that breaks is a finding; the next ones still run
        last = traceback.format_exc(limit=-3).replace(os.getcwd() + os.sep, "")[-800:]
        return {"check": name, "passed": False, "error": f"{type(problem).__name__}: {problem}"[:400], "at": last}
    return {"check": name, "passed": size <= allowed, "size": size, "allowed": allowed}


def with_gradients(function: Callable[..., Tensor], inputs: Sequence[Tensor], upstream: Tensor | None = None):
    """The output and the gradients of all inputs."""
    leaves = [t.detach().clone().requires_grad_() for t in inputs]
    out = function(*leaves)
    weight = None if upstream is None else upstream.to(out)
    return [out.detach(), *torch.autograd.grad(out, leaves, weight)]
