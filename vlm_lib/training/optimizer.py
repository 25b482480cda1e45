"""What decides how far an update goes: the optimiser, its groups of parameters, the learning rate of a step."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

import torch
from torch import nn

from vlm_lib.checks import check_one_of

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "constant")


def make_optimizer(name: str, groups: list[dict], lr: float, betas: tuple[float, float]) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum `betas[0]`. Raises: ValueError for another name."""
    check_one_of("optimizer", name, OPTIMIZERS)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr, betas=betas)
    return torch.optim.SGD(groups, lr=lr, momentum=betas[0])


def parameter_groups(model: nn.Module, param_groups: Sequence[dict] | None, weight_decay: float) -> list[dict]:
    """Optimiser groups: by learning-rate scale, and within one scale matrices (decayed) apart from vectors.

    Raises: ValueError if nothing is to be trained, or a group holds anything but trainable parameters of the
    model, each in one group at most, and a positive lr_scale.
    """
    rest = {id(p): p for p in model.parameters() if p.requires_grad}
    if not rest:
        raise ValueError("model: no parameter requires gradients, expected something to train")
    scaled: list[tuple[float, list[nn.Parameter]]] = []
    for group in param_groups or ():
        if set(group) != {"params", "lr_scale"} or not group["lr_scale"] > 0:
            raise ValueError(f"param_groups: got keys {sorted(group)}, expected params and a positive lr_scale")
        params = list(group["params"])
        if any(rest.pop(id(p), None) is None for p in params):
            raise ValueError("param_groups: expected trainable parameters of the model, each in one group at most")
        scaled.append((float(group["lr_scale"]), params))
    scaled.append((1.0, list(rest.values())))
    groups = []
    for scale, params in scaled:
        matrices, vectors = [p for p in params if p.ndim >= 2], [p for p in params if p.ndim < 2]
        for decay, part in ((weight_decay, matrices), (0.0, vectors)):
            if part:
                groups.append({"params": part, "lr_scale": scale, "weight_decay": decay})
    return groups


def warmup_steps(warmup: int | float, steps: int) -> int:
    """The number of warm-up steps; a share of `steps` is rounded, to at least one and fewer than all.

    Raises: ValueError unless it is an int from 0 to steps - 1 or a float between 0 and 1.
    """
    whole = isinstance(warmup, numbers.Integral) and not isinstance(warmup, bool)
    if whole and 0 <= warmup < steps:
        return int(warmup)
    if isinstance(warmup, float) and 0 < warmup < 1:
        return min(max(1, round(warmup * steps)), steps - 1)
    expected = f"an int from 0 to steps - 1 = {steps - 1} or a share between 0.0 and 1.0"
    raise ValueError(f"warmup: got {warmup!r}, expected {expected}")


def lr_factor(step: int, steps: int, warmup: int, schedule: str) -> float:
    """The share of the learning rate at a step: it rises over `warmup` steps, then falls along half a cosine."""
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
