"""What the checkers of sheet 02_contrastive share: cross-entropy in both directions, and what goes wrong."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def diagonal(logits: Float[Tensor, "batch batch"]) -> Int[Tensor, " batch"]:
    """The target of every row when text i belongs to image i: column i."""
    return torch.arange(len(logits), device=logits.device)


def both_directions(
    logits: Float[Tensor, "batch batch"], target: Tensor, reduction: str = "mean"
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the rows (each image picks a text) and of the columns (each text picks an image)."""
    rows = F.cross_entropy(logits, target, reduction=reduction)
    return rows, F.cross_entropy(logits.T, target, reduction=reduction)


def overflowing(logits: Float[Tensor, "batch batch"], dim: int) -> Float[Tensor, "batch batch"]:
    """A softmax as it stands in the formula: exp(100) is more than float32 can hold, and inf / inf is NaN."""
    exp = logits.exp()
    return exp / exp.sum(dim, keepdim=True)
