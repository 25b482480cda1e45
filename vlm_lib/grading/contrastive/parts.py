"""What the checkers of sheet 02_contrastive share: cross-entropy in both directions, and what goes wrong."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.grading.kit import Mistake


def diagonal(logits: Float[Tensor, "batch batch"]) -> Int[Tensor, " batch"]:
    """The target of every row when text i belongs to image i: column i."""
    return torch.arange(len(logits), device=logits.device)


def both_directions(
    logits: Float[Tensor, "batch batch"], target: Tensor, reduction: str = "mean"
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the rows (each image picks a text) and of the columns (each text picks an image)."""
    rows = F.cross_entropy(logits, target, reduction=reduction)
    return rows, F.cross_entropy(logits.T, target, reduction=reduction)


def mean_of_both(logits: Float[Tensor, "batch batch"], target: Tensor, reduction: str = "mean") -> Tensor:
    """The mean of both directions, as CLIP takes it."""
    return sum(both_directions(logits, target, reduction)) / 2


def one_sided(directions: Callable[..., tuple[Tensor, Tensor]]) -> dict[str, Mistake]:
    """Mistakes in putting `directions(*case)` together: the loss of images that pick texts, and of the reverse."""
    return {
        "images_only": Mistake(
            lambda *case: directions(*case)[0],
            "Only images pick texts here (the softmax runs over the rows, perhaps twice). Texts must pick images "
            "too: the same loss on the transposed logits.",
        ),
        "texts_only": Mistake(
            lambda *case: directions(*case)[1],
            "Only texts pick images here (the softmax runs down the columns, perhaps twice). Images must pick "
            "texts too.",
        ),
        "two_directions_summed": Mistake(
            lambda *case: sum(directions(*case)),
            "You add the two directions (as CoCa does). CLIP takes their mean, half of that.",
        ),
    }


def overflowing(logits: Float[Tensor, "batch batch"], dim: int) -> Float[Tensor, "batch batch"]:
    """A softmax as it stands in the formula: exp(100) is more than float32 can hold, and inf / inf is NaN."""
    exp = logits.exp()
    return exp / exp.sum(dim, keepdim=True)
