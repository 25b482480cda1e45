"""Checker for the contrastive loss of a batch in which captions occur more than once.

The right answer is the library's own `positives`. Source: UniCL, section 3 (arXiv 2204.03610).
Chapter: 02_contrastive.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.contrastive.parts import both_directions, diagonal, mean_of_both, one_sided
from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.losses import contrastive_loss


def _right(logits: Tensor, labels: Tensor) -> Tensor:
    # logits = logits @ identity: the library's loss on "features" whose products are the given logits
    return contrastive_loss(logits, torch.eye(len(logits)), 1.0, positives=labels, impl="dense")


def _equal(labels: Tensor) -> Tensor:
    return labels[:, None] == labels


def _share(allowed: Tensor) -> Tensor:
    return allowed.float() / allowed.sum(1, keepdim=True).clamp(min=1)


def _on_target(wrong: Callable) -> Callable:
    """A mistake that spreads the target otherwise: `wrong` makes it of the matrix of equal labels."""
    return lambda logits, labels: mean_of_both(logits, wrong(_equal(labels)))


def _masked_out(logits: Tensor, labels: Tensor) -> Tensor:
    others = _equal(labels) & ~torch.eye(len(labels), dtype=torch.bool)
    return mean_of_both(logits.masked_fill(others, -torch.inf), diagonal(logits))


def _summed_probability(logits: Tensor, labels: Tensor) -> Tensor:
    partners = logits.masked_fill(~_equal(labels), -torch.inf)
    gap = [(z.logsumexp(1) - p.logsumexp(1)).mean() for z, p in ((logits, partners), (logits.T, partners.T))]
    return sum(gap) / 2


def _per_pair(logits: Tensor, labels: Tensor) -> Tensor:
    equal = _equal(labels)
    return -(logits.log_softmax(1)[equal].mean() + logits.log_softmax(0)[equal].mean()) / 2


def _divergence(logits: Tensor, labels: Tensor) -> Tensor:
    target = _share(_equal(labels))
    return sum(F.kl_div(z.log_softmax(1), target, reduction="batchmean") for z in (logits, logits.T)) / 2


DUPLICATE_MISTAKES = {
    **one_sided(lambda logits, labels: both_directions(logits, _share(_equal(labels)))),
    "diagonal_only": Mistake(
        lambda logits, labels: mean_of_both(logits, diagonal(logits)),
        "Only the diagonal counts as right: a caption is still pushed away from the other images that it "
        "describes.",
    ),
    "masked_out": Mistake(
        _masked_out,
        "You take the duplicates out of the softmax. That stops the push but loses a right pair: let them "
        "share the target.",
    ),
    "not_shared": Mistake(
        _on_target(Tensor.float),
        "The rows of your target do not add up to 1: an image with three right texts counts three times. "
        "Divide each row by its number of right texts.",
    ),
    "shared_over_matrix": Mistake(
        _on_target(lambda equal: equal / equal.sum()),
        "Your target adds up to 1 over the whole matrix, and the mean over the batch then divides once more. "
        "Each row adds up to 1.",
    ),
    "softmax_of_matches": Mistake(
        _on_target(lambda equal: equal.float().softmax(1)),
        "You take a softmax of zeros and ones for a target, so wrong texts have a share in it. Divide by the "
        "number of right texts.",
    ),
    "per_pair": Mistake(
        _per_pair,
        "You average over all right pairs, so a frequent caption counts with the square of its frequency. "
        "Each image counts once: average within its row first.",
    ),
    "first_partner": Mistake(
        _on_target(lambda equal: equal.long().argmax(1)),
        "Each image aims at the first text with its label only. All texts with its label share the target.",
    ),
    "without_itself": Mistake(
        _on_target(lambda equal: _share(equal & ~torch.eye(len(equal), dtype=torch.bool))),
        "You leave out the diagonal: an image's own text is one of its right texts.",
    ),
    "summed_probability": Mistake(
        _summed_probability,
        "You take the log of the right texts' summed probability: one of them may then have it all. In an "
        "evenly shared target each has its own -log p.",
    ),
    "divergence": Mistake(
        _divergence,
        "You compute the KL divergence, which is the cross-entropy minus the target's entropy. Its gradient "
        "is right, but the value is not the loss: asked is the cross-entropy.",
    ),
    "labels_as_columns": Mistake(
        lambda logits, labels: mean_of_both(logits, labels),
        "You use a label as the number of a column. Labels only say which pairs describe the same thing.",
    ),
    "batch_summed": Mistake(
        lambda logits, labels: mean_of_both(logits, _share(_equal(labels)), reduction="sum"),
        "You sum over the batch, so the loss grows with its size. Take the mean.",
    ),
}


def duplicate_cases(seed: int = 0) -> list[Case]:
    """Logits with labels that occur three times, twice and once; with all labels different, and all equal."""
    rng = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(6, 6, generator=rng)
    labels = torch.tensor([0, 0, 0, 1, 1, 4])[torch.randperm(6, generator=rng)]
    return [
        (logits, labels),
        (logits[:4, :4], torch.tensor([2, 0, 3, 1])),
        (logits[3:, 3:], torch.tensor([1, 1, 1])),
    ]


check_duplicates = Task(
    name="duplicate captions",
    asks='answer(logits: Float["batch batch"], labels: Int["batch"]) -> Float[""]: equal labels share the target',
    right=_right,
    mistakes=DUPLICATE_MISTAKES,
    gradients=("logits",),
    cases=duplicate_cases,
    praise="equal labels share the target, and each image and each text counts once.",
)
