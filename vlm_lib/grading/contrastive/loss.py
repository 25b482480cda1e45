"""Checker for the contrastive loss from raw features: its value first, then its gradients.

Source: CLIP, section 2.3 and figure 3 (arXiv 2103.00020). Chapter: 02_contrastive.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.contrastive.parts import both_directions, diagonal, mean_of_both, one_sided, overflowing
from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.losses import contrastive_loss


def _right(image_features: Tensor, text_features: Tensor, log_scale: Tensor) -> Tensor:
    u, v = F.normalize(image_features, dim=1), F.normalize(text_features, dim=1)
    return contrastive_loss(u, v, log_scale.exp(), impl="dense")


def _logits(x: Tensor, y: Tensor, factor: Tensor | float, dim: int = 1) -> Tensor:
    return factor * F.normalize(x, dim=dim) @ F.normalize(y, dim=dim).T


def _mean(logits: Tensor, target: Tensor | None = None, reduction: str = "mean") -> Tensor:
    return mean_of_both(logits, diagonal(logits) if target is None else target, reduction)


def _from_logits(wrong: Callable) -> Callable:
    """A mistake that is made after the logits, as a function of the features."""
    return lambda x, y, t: wrong(_logits(x, y, t.exp()))


def _picked(probability: Callable) -> Callable:
    """A mistake in the softmax or in what follows it: the diagonal of `probability(logits, dim)`, both ways."""
    return _from_logits(lambda z: -(probability(z, 1).diag() + probability(z, 0).diag()).mean() / 2)


LOSS_MISTAKES = {
    **one_sided(_from_logits(lambda z: both_directions(z, diagonal(z)))),
    "batch_summed": Mistake(
        _from_logits(lambda z: _mean(z, reduction="sum")),
        "You sum over the batch, so the loss grows with its size. Take the mean.",
    ),
    "one_per_pair": Mistake(
        _from_logits(lambda z: _mean(z, reduction="none")),
        "You return one loss for each pair. The loss is their mean, one number.",
    ),
    "not_normalised": Mistake(
        lambda x, y, t: _mean(t.exp() * x @ y.T),
        "You do not normalise the features: a longer vector gets a larger score, whatever its direction.",
    ),
    "normalised_over_batch": Mistake(
        lambda x, y, t: _mean(_logits(x, y, t.exp(), dim=0)),
        "You normalise along the batch (dim=0). Each row is one embedding: it is the row that has length 1.",
    ),
    "log_scale_as_scale": Mistake(
        lambda x, y, t: _mean(_logits(x, y, t)),
        "You multiply by log_scale itself. It is t, and the scale is exp(t).",
    ),
    "divided": Mistake(
        lambda x, y, t: _mean(_logits(x, y, 1 / t.exp())),
        "You divide by the scale. One divides by the temperature, which is 1/scale; by the scale one multiplies.",
    ),
    "fixed_scale": Mistake(
        lambda x, y, t: _mean(_logits(x, y, 1 / 0.07)),
        "Your scale is fixed at 1/0.07, where CLIP starts. It is learned: exp(log_scale).",
    ),
    "no_scale": Mistake(lambda x, y, t: _mean(_logits(x, y, 1.0)), "Your loss does not depend on log_scale."),
    "scaled_twice": Mistake(
        lambda x, y, t: _mean(_logits(x, y, (2 * t).exp())),
        "The scale enters twice: you multiply the images and the texts by it. Their product then holds its "
        "square.",
    ),
    "labels_zero": Mistake(
        _from_logits(lambda z: _mean(z, torch.zeros_like(diagonal(z)))),
        "Your labels are all 0: every image is told to pick the first text. Row i belongs to column i.",
    ),
    "labels_reversed": Mistake(
        _from_logits(lambda z: _mean(z, diagonal(z).flip(0))),
        "Your labels run backwards. Row i belongs to column i.",
    ),
    "all_pairs": Mistake(
        _from_logits(lambda z: -(z.log_softmax(1) + z.log_softmax(0)).mean() / 2),
        "You average -log p over all entries. Only the diagonal holds the right pairs.",
    ),
    "joint_softmax": Mistake(
        _picked(lambda z, dim: z.flatten().log_softmax(0).view_as(z)),
        "Your softmax runs over the whole matrix at once. Each image chooses among the texts of its own row.",
    ),
    "softmax_twice": Mistake(
        _from_logits(lambda z: sum(F.cross_entropy(p, diagonal(z)) for p in (z.softmax(1), z.T.softmax(1))) / 2),
        "A softmax too many: F.cross_entropy takes logits and does its own softmax.",
    ),
    "no_log": Mistake(
        _picked(torch.softmax), "You average the probabilities of the right pairs; take -log of each."
    ),
    "wrong_sign": Mistake(
        _from_logits(lambda z: -_mean(z)), "The sign is wrong: a loss is -log p, never negative."
    ),
    "overflow": Mistake(
        _picked(lambda z, dim: overflowing(z, dim).log()),
        "NaN at a scale near 100: exp(100) is more than float32 can hold. Use F.cross_entropy or "
        "log_softmax, which subtract the maximum first.",
    ),
}
GRADIENT_MISTAKES = {
    "log_scale_detached": Mistake(
        lambda x, y, t: _right(x, y, t.detach()),
        "The result is right, but no gradient reaches log_scale: CLIP learns it (did you call .item()?).",
    ),
    "lengths_detached": Mistake(
        lambda x, y, t: _mean(
            t.exp() * (x / x.detach().norm(dim=1, keepdim=True)) @ (y / y.detach().norm(dim=1, keepdim=True)).T
        ),
        "The result is right, but you cut the lengths out of the graph: dividing by a length has a gradient too.",
    ),
}


def loss_cases(seed: int = 0) -> list[Case]:
    """Raw features of several lengths at t = 0.5, at CLIP's start, and near its cap with an aligned pair."""
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, 5, 6, generator=rng) * (0.5 + 2 * torch.rand(2, 5, 1, generator=rng))
    aligned = torch.cat([0.7 * x[:1], y[1:4]])
    return [
        (x[:3], y[:3], torch.tensor(0.5)),
        (x, y, torch.tensor(1 / 0.07).log()),
        (x[:4], aligned, torch.tensor(4.6)),
    ]


check_clip_loss = Task(
    name="contrastive loss",
    asks='answer(image_features, text_features, log_scale) -> Float[""] for features [batch dim] of any length',
    right=_right,
    mistakes=LOSS_MISTAKES,
    gradients=("image_features", "text_features", "log_scale"),
    gradient_mistakes=GRADIENT_MISTAKES,
    cases=loss_cases,
    praise="both directions, on the diagonal, with gradients for features and scale.",
)
