"""Training for every model of the book: warm-up, clipping, AdamW, checkpoints that survive a kill.

The loop is short enough to read; what varies between chapters (batches, loss) are two functions. Chapter:
01_worlds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vlm_lib.checks import check_at_least, check_one_of, check_seed
from vlm_lib.training.checkpoint import Checkpoint, History
from vlm_lib.training.optimizer import SCHEDULES, lr_factor, make_optimizer, parameter_groups, warmup_steps
from vlm_lib.training.precision import PRECISIONS, arithmetic, warn_if_slow
from vlm_lib.training.progress import progress as shown
from vlm_lib.training.seeds import random_state_kept, seed_everything, step_seed


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
    warmup: int | float = 0,
    weight_decay: float = 0.1,
    betas: tuple[float, float] = (0.9, 0.98),
    clip_norm: float = 1.0,
    seed: int = 0,
    after_step: Callable[[nn.Module], None] | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 100,
    progress: str | None = None,
    precision: str = "float32",
    param_groups: Sequence[dict] | None = None,
    schedule: str = "cosine",
    optimizer: str = "adamw",
) -> History:
    """Train what requires gradients in `model`, in place, by `steps` updates on loss_fn(model, batches(step)).

    batches: a pure function of the step (0, 1, ...); it may return `Weighted` batches of several datasets, whose
        gradients are summed before the one update.
    lr: reached after `warmup` steps, then kept ("constant") or lowered to 0 along half a cosine.
    warmup: the number of steps over which the learning rate rises; a float within 0 .. 1 is a share of `steps`, so
        that arms with different numbers of updates can be given the same.
    weight_decay: for matrices, not for gains, biases and other vectors (CLIP, section 2.5, arXiv 2103.00020).
    betas: how much of the running means of gradient and squared gradient each step keeps (AdamW); the first is
        SGD's momentum.
    clip_norm: gradients whose joint norm is longer are scaled down to it; inf: no clipping.
    seed: decides the random state at each step, such as dropout's. First weights and batches are the caller's.
    after_step: called with the model after each update, to bring a parameter back into its range, e.g. with
        `models.clip.clamp_logit_scale`. A function of the model alone, or a resumed run could not repeat it.
    checkpoint: where to keep the state every `checkpoint_every` steps and at the end. If the file is there, the
        run goes on from it, to the same numbers, bit for bit, as if it had never stopped.
    progress: the name to show on a progress bar.
    precision: "bfloat16" computes the loss under autocast; weights and updates stay in float32.
    param_groups: dicts of `params` and `lr_scale`, for parts with their own learning rate; the rest has scale 1.
    optimizer: "adamw", or "sgd" with momentum `betas[0]`.

    The random state is set at each step and given back at the end; train or eval mode is left as found.
    Raises: ValueError for a bad argument, among them a checkpoint that cannot be written; FloatingPointError (with
    the step) if loss or gradient is not finite.
    """
    steps, seed = check_at_least("steps", steps, 1), check_seed(seed)
    checkpoint_every = check_at_least("checkpoint_every", checkpoint_every, 1)
    warmup = warmup_steps(warmup, steps)
    _check(lr, clip_norm, precision, schedule)
    update = make_optimizer(optimizer, parameter_groups(model, param_groups, weight_decay), lr, betas)
    device = update.param_groups[0]["params"][0].device
    if precision == "bfloat16":
        warn_if_slow(device)
    settings = {"steps": steps, "lr": float(lr), "warmup": warmup, "weight_decay": float(weight_decay)}
    settings |= {"betas": [float(beta) for beta in betas], "seed": seed}
    settings |= {"clip_norm": float(clip_norm) if clip_norm < math.inf else None}  # JSON has no infinity
    settings |= {"precision": precision, "schedule": schedule, "optimizer": optimizer}
    settings |= {"lr_scales": [group["lr_scale"] for group in update.param_groups]}
    keep = Checkpoint(checkpoint, model, update, settings) if checkpoint is not None else None
    history = keep.restore() if keep else History()
    start, before, cpu_before = time.perf_counter(), history.seconds, history.cpu_seconds
    cpu_start = time.process_time()
    parameters = [p for group in update.param_groups for p in group["params"]]
    done = len(history.loss)
    bar = shown(range(done, steps), progress, initial=done, total=steps)
    with random_state_kept():
        for step in bar:
            seed_everything(step_seed(seed, step))  # noise of a step: the same whatever came before
            for group in update.param_groups:
                group["lr"] = lr * group["lr_scale"] * lr_factor(step, steps, warmup, schedule)
            batch = batches(step)
            batch = batch if isinstance(batch, Weighted) else Weighted((batch,), (1.0,))
            losses = [_loss_closure(model, part, loss_fn, precision, device) for part in batch.batches]
            values = weighted_gradients(model, losses, batch.weights)
            loss = sum(weight * value for weight, value in zip(batch.weights, values, strict=True))
            norm = float(nn.utils.clip_grad_norm_(parameters, clip_norm))
            if not math.isfinite(loss) or not math.isfinite(norm):
                raise FloatingPointError(f"training diverged at step {step}: loss {loss}, gradient norm {norm}")
            update.step()
            if after_step is not None:
                with torch.no_grad():
                    after_step(model)
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
    2204.14198v2). Raises: ValueError if there is no loss, or not one weight a loss. Chapter: 34_flamingo.
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


def _check(lr: float, clip_norm: float, precision: str, schedule: str) -> None:
    check_one_of("precision", precision, PRECISIONS)
    check_one_of("schedule", schedule, SCHEDULES)
    if not (0 < lr < math.inf):
        raise ValueError(f"lr: got {lr!r}, expected a positive number")
    if not clip_norm > 0:
        raise ValueError(f"clip_norm: got {clip_norm!r}, expected a positive number (inf: no clipping)")
