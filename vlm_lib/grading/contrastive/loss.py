"""Checker for the contrastive loss from raw features: its value first, then its gradients.

Source: CLIP, section 2.3 and figure 3 (arXiv 2103.00020). Chapter: 02_contrastive.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.contrastive.parts import both_directions, diagonal, numbers_by_name, overflowing
from vlm_lib.grading.kit.compare import UNTOUCHED, Case, Mistake
from vlm_lib.grading.kit.gradients import NO_GRADIENT, diagnose_both_ways
from vlm_lib.grading.kit.report import Report
from vlm_lib.losses import contrastive_loss


def _right(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return contrastive_loss(F.normalize(x, dim=1), F.normalize(y, dim=1), t.exp(), impl="dense")


def _logits(x: Tensor, y: Tensor, factor: Tensor | float, dim: int = 1) -> Tensor:
    return factor * F.normalize(x, dim=dim) @ F.normalize(y, dim=dim).T


def _mean(logits: Tensor, target: Tensor | None = None, reduction: str = "mean") -> Tensor:
    image, text = both_directions(logits, diagonal(logits) if target is None else target, reduction)
    return (image + text) / 2


def _from_logits(wrong: Callable) -> Callable:
    """A mistake that is made after the logits, as a function of the features."""
    return lambda x, y, t: wrong(_logits(x, y, t.exp()))


def _picked(probability: Callable) -> Callable:
    """A mistake in the softmax or in what follows it: the diagonal of `probability(logits, dim)`, both ways."""
    return _from_logits(lambda z: -(probability(z, 1).diag() + probability(z, 0).diag()).mean() / 2)


LOSS_MISTAKES = (
    Mistake("untouched", lambda x, y, t: x.new_zeros(()), UNTOUCHED),
    Mistake(
        "images_only",
        _from_logits(lambda z: both_directions(z, diagonal(z))[0]),
        "Only images pick texts here (the softmax runs over the rows, perhaps twice). Texts must pick "
        "images too: the same loss on the transposed logits.",
    ),
    Mistake(
        "texts_only",
        _from_logits(lambda z: both_directions(z, diagonal(z))[1]),
        "Only texts pick images here (the softmax runs down the columns, perhaps twice). Images must pick "
        "texts too.",
    ),
    Mistake(
        "two_directions_summed",
        _from_logits(lambda z: 2 * _mean(z)),
        "You add the two directions (as CoCa does). CLIP takes their mean, half of that.",
    ),
    Mistake(
        "batch_summed",
        _from_logits(lambda z: _mean(z, reduction="sum")),
        "You sum over the batch, so the loss grows with its size. Take the mean.",
    ),
    Mistake(
        "one_per_pair",
        _from_logits(lambda z: _mean(z, reduction="none")),
        "You return one loss for each pair. The loss is their mean, one number.",
    ),
    Mistake(
        "not_normalised",
        lambda x, y, t: _mean(t.exp() * x @ y.T),
        "You do not normalise the features: a longer vector gets a larger score, whatever its direction.",
    ),
    Mistake(
        "normalised_over_batch",
        lambda x, y, t: _mean(_logits(x, y, t.exp(), dim=0)),
        "You normalise along the batch (dim=0). Each row is one embedding: it is the row that has length 1.",
    ),
    Mistake(
        "log_scale_as_scale",
        lambda x, y, t: _mean(_logits(x, y, t)),
        "You multiply by log_scale itself. It is t, and the scale is exp(t).",
    ),
    Mistake(
        "divided",
        lambda x, y, t: _mean(_logits(x, y, 1 / t.exp())),
        "You divide by the scale. One divides by the temperature, which is 1/scale; by the scale one multiplies.",
    ),
    Mistake(
        "fixed_scale",
        lambda x, y, t: _mean(_logits(x, y, 1 / 0.07)),
        "Your scale is fixed at 1/0.07, where CLIP starts. It is learned: exp(log_scale).",
    ),
    Mistake("no_scale", lambda x, y, t: _mean(_logits(x, y, 1.0)), "Your loss does not depend on log_scale."),
    Mistake(
        "scaled_twice",
        lambda x, y, t: _mean(_logits(x, y, (2 * t).exp())),
        "The scale enters twice: you multiply the images and the texts by it. Their product then holds its "
        "square.",
    ),
    Mistake(
        "labels_zero",
        _from_logits(lambda z: _mean(z, torch.zeros_like(diagonal(z)))),
        "Your labels are all 0: every image is told to pick the first text. Row i belongs to column i.",
    ),
    Mistake(
        "labels_reversed",
        _from_logits(lambda z: _mean(z, diagonal(z).flip(0))),
        "Your labels run backwards. Row i belongs to column i.",
    ),
    Mistake(
        "all_pairs",
        _from_logits(lambda z: -(z.log_softmax(1) + z.log_softmax(0)).mean() / 2),
        "You average -log p over all entries. Only the diagonal holds the right pairs.",
    ),
    Mistake(
        "joint_softmax",
        _picked(lambda z, dim: z.flatten().log_softmax(0).view_as(z)),
        "Your softmax runs over the whole matrix at once. Each image chooses among the texts of its own row.",
    ),
    Mistake(
        "softmax_twice",
        _from_logits(lambda z: sum(F.cross_entropy(p, diagonal(z)) for p in (z.softmax(1), z.T.softmax(1))) / 2),
        "A softmax too many: F.cross_entropy takes logits and does its own softmax.",
    ),
    Mistake(
        "no_log", _picked(torch.softmax), "You average the probabilities of the right pairs; take -log of each."
    ),
    Mistake(
        "wrong_sign", _from_logits(lambda z: -_mean(z)), "The sign is wrong: a loss is -log p, never negative."
    ),
    Mistake(
        "python_number",
        numbers_by_name(lambda x, y, t: _right(x, y, t).item()),
        "You return a Python number (.item()?), and no gradient comes back through one. Return the tensor.",
    ),
    Mistake(
        "overflow",
        _picked(lambda z, dim: overflowing(z, dim).log()),
        "NaN at a scale near 100: exp(100) is more than float32 can hold. Use F.cross_entropy or "
        "log_softmax, which subtract the maximum first.",
    ),
)
GRADIENT_MISTAKES = (
    Mistake(
        "detached",
        lambda x, y, t: _right(x, y, t).detach(),
        NO_GRADIENT,
    ),
    Mistake(
        "scale_detached",
        lambda x, y, t: _right(x, y, t.detach()),
        "The result is right, but no gradient reaches log_scale: CLIP learns it (did you call .item()?).",
    ),
    Mistake(
        "texts_detached",
        lambda x, y, t: _right(x, y.detach(), t),
        "The result is right, but no gradient reaches the text features.",
    ),
    Mistake(
        "images_detached",
        lambda x, y, t: _right(x.detach(), y, t),
        "The result is right, but no gradient reaches the image features.",
    ),
    Mistake(
        "lengths_detached",
        lambda x, y, t: _mean(
            t.exp() * (x / x.detach().norm(dim=1, keepdim=True)) @ (y / y.detach().norm(dim=1, keepdim=True)).T
        ),
        "The result is right, but you cut the lengths out of the graph: dividing by a length has a gradient too.",
    ),
)


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


def check_clip_loss(answer: Callable, *, seed: int = 0) -> Report:
    """Check `answer(image_features, text_features, log_scale) -> Float[""]`: value and gradients.

    The features are Float [batch dim] as the encoders give them, of any length; `log_scale` is t, a Float scalar.
    """
    task, names, cases = "contrastive loss", ["image_features", "text_features", "log_scale"], loss_cases(seed)
    praise = "both directions, on the diagonal, with gradients for features and scale."
    run = numbers_by_name(answer) if callable(answer) else answer
    return diagnose_both_ways(
        task, run, _right, LOSS_MISTAKES, GRADIENT_MISTAKES, cases, leaves=(0, 1, 2), names=names, praise=praise
    )
