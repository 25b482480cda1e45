"""Training for every model of the book: AdamW, warm-up, clipping, checkpoints that survive a kill.

The loop is short enough to read; what varies between chapters (batches, loss) are two functions. Chapter:
01_worlds.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vlm_lib.checks import check_at_least, check_one_of, check_seed
from vlm_lib.training.checkpoint import Checkpoint, History
from vlm_lib.training.precision import PRECISIONS, arithmetic, warn_if_slow
from vlm_lib.training.progress import progress as shown
from vlm_lib.training.seeds import seed_everything

__all__ = ["History", "Weighted", "fit", "weighted_gradients"]

SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class Weighted:
    """One update's batches from several datasets, with the weight lambda_m of each one's loss."""

    batches: tuple[Any, ...]
    weights: tuple[float, ...]


def fit(
    model: nn.Module,
    batches: Callable[[int], Any],
    loss_fn: Callable[[nn.Module, Any], Tensor],
    *,
    steps: int,
    lr: float,
    warmup: int = 0,
    weight_decay: float = 0.1,
    betas: tuple[float, float] = (0.9, 0.98),
    clip_norm: float = 1.0,
    seed: int = 0,
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 100,
    progress: str | None = None,
    precision: str = "float32",
    param_groups: Sequence[dict] | None = None,
    schedule: str = "cosine",
) -> History:
    """Train what requires gradients in `model`, in place, by `steps` updates on loss_fn(model, batches(step)).

    batches: a pure function of the step (0, 1, ...); it may return `Weighted` batches of several datasets, whose
        gradients are summed before the one update.
    lr: reached after `warmup` steps, then kept ("constant") or lowered to 0 along half a cosine.
    weight_decay: for matrices, not for gains, biases and other vectors (CLIP, section 2.5, arXiv 2103.00020).
    checkpoint: where to keep the state every `checkpoint_every` steps and at the end. If the file is there, the
        run goes on from it, to the same numbers, bit for bit, as if it had never stopped.
    progress: the name to show on a progress bar.
    precision: "bfloat16" computes the loss under autocast; weights and updates stay in float32.
    param_groups: dicts of `params` and `lr_scale`, for parts with their own learning rate; the rest has scale 1.

    The random state is set at each step and given back at the end; train or eval mode is left as found.
    Raises: ValueError for a bad argument; FloatingPointError (with the step) if loss or gradient is not finite.
    """
    _check(steps, lr, warmup, clip_norm, seed, checkpoint_every, precision, schedule)
    optimizer = torch.optim.AdamW(_groups(model, param_groups, weight_decay), lr=lr, betas=betas)
    device = optimizer.param_groups[0]["params"][0].device
    if precision == "bfloat16":
        warn_if_slow(device)
    settings = {"steps": steps, "lr": lr, "warmup": warmup, "weight_decay": weight_decay, "betas": betas}
    settings |= {"clip_norm": clip_norm, "seed": seed, "precision": precision, "schedule": schedule}
    settings |= {"lr_scales": [group["lr_scale"] for group in optimizer.param_groups]}
    keep = Checkpoint(checkpoint, model, optimizer, settings) if checkpoint is not None else None
    history = keep.restore() if keep else History()
    start, before, cpu_before = time.perf_counter(), history.seconds, history.cpu_seconds
    cpu_start = time.process_time()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    done = len(history.loss)
    bar = shown(range(done, steps), progress, initial=done, total=steps)
    with _random_state_kept():
        for step in bar:
            seed_everything((seed * 1_000_003 + step) % 2**32)  # noise of a step: the same whatever came before
            for group in optimizer.param_groups:
                group["lr"] = lr * group["lr_scale"] * _lr_factor(step, steps, warmup, schedule)
            batch = batches(step)
            batch = batch if isinstance(batch, Weighted) else Weighted((batch,), (1.0,))
            losses = [_loss_closure(model, part, loss_fn, precision, device) for part in batch.batches]
            values = weighted_gradients(model, losses, batch.weights)
            loss = sum(weight * value for weight, value in zip(batch.weights, values, strict=True))
            norm = float(nn.utils.clip_grad_norm_(parameters, clip_norm))
            if not math.isfinite(loss) or not math.isfinite(norm):
                raise FloatingPointError(f"training diverged at step {step}: loss {loss}, gradient norm {norm}")
            optimizer.step()
            history.loss.append(loss)
            history.grad_norm.append(norm)
            history.seconds = before + time.perf_counter() - start
            history.cpu_seconds = cpu_before + time.process_time() - cpu_start
            if keep and ((step + 1) % checkpoint_every == 0 or step + 1 == steps):
                keep.save(history)
            if step % 10 == 0:
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    return history


def weighted_gradients(
    model: nn.Module, losses: Sequence[Callable[[], Tensor]], weights: Sequence[float]
) -> list[float]:
    """Leave in `.grad` the gradient of sum_m weights[m] * losses[m](); return the unweighted loss values.

    Backward runs for one dataset at a time, so that only one graph is alive: the memory of one dataset, the
    gradient of all. Gradients already there are dropped first. Source: Flamingo, section 2.4 (arXiv
    2204.14198). Raises: ValueError if there is no loss, or not one weight a loss. Chapter: 34_flamingo.
    """
    if not losses or len(losses) != len(weights):
        raise ValueError(f"weights: got {len(weights)} for {len(losses)} losses, expected one each, at least one")
    model.zero_grad(set_to_none=True)
    values = []
    for loss_of, weight in zip(losses, weights, strict=True):
        loss = loss_of()
        (weight * loss).backward()
        values.append(float(loss.detach()))
    return values


def _loss_closure(model, batch, loss_fn, precision, device) -> Callable[[], Tensor]:
    def loss() -> Tensor:
        with arithmetic(precision, device):
            return loss_fn(model, batch)

    return loss


def _lr_factor(step: int, steps: int, warmup: int, schedule: str) -> float:
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def _groups(model: nn.Module, param_groups: Sequence[dict] | None, weight_decay: float) -> list[dict]:
    """Optimiser groups: by learning-rate scale, and within one scale matrices (decayed) apart from vectors."""
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
        for decay, part in (
            (weight_decay, [p for p in params if p.ndim >= 2]),
            (0.0, [p for p in params if p.ndim < 2]),
        ):
            if part:
                groups.append({"params": part, "lr_scale": scale, "weight_decay": decay})
    return groups


def _check(steps, lr, warmup, clip_norm, seed, checkpoint_every, precision, schedule) -> None:
    check_at_least("steps", steps, 1)
    check_at_least("warmup", warmup, 0)
    check_at_least("checkpoint_every", checkpoint_every, 1)
    check_seed(seed)
    check_one_of("precision", precision, PRECISIONS)
    check_one_of("schedule", schedule, SCHEDULES)
    if not (0 < lr < math.inf):
        raise ValueError(f"lr: got {lr!r}, expected a positive number")
    if not clip_norm > 0:
        raise ValueError(f"clip_norm: got {clip_norm!r}, expected a positive number (inf: no clipping)")
    if warmup >= steps:
        raise ValueError(f"warmup: got {warmup}, expected fewer than steps={steps}")


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Give the global generators back as they were: a model built after `fit` must not depend on its last step."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
