"""MERLOT's third objective: for every pair of segments, are they one, which comes first, or are they of two
videos?

Source: model/modeling.py, allpairs_temporal_labels and temporal_loss (rowanz/merlot); the paper describes the
question as "which of two comes first" (arXiv 2106.02636, section 3.3). Chapter: 33_merlot.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vlm_lib.checks import require_shape

OTHER_VIDEO, SAME, BEFORE, AFTER = range(4)
EASY = 0.01  # weight of a pair whose frames both stand in their places: the answer is written on them


def pair_labels(videos: Int[Tensor, "batch segments"]) -> Int[Tensor, "batch segments segments"]:
    """For segments in true order and the video each is from: 1 same, 2 row before column, 3 after, 0 apart."""
    require_shape("videos", videos, batch=None, segments=None)
    time = torch.arange(videos.shape[1], device=videos.device)
    order = torch.where(time[:, None] < time, BEFORE, AFTER).fill_diagonal_(SAME)
    return torch.where(videos[:, :, None] == videos[:, None], order, OTHER_VIDEO)


def pair_weights(shuffled: Bool[Tensor, "batch segments"]) -> Float[Tensor, "batch segments segments"]:
    """1 for a pair of which at least one frame does not say where it stood, 0.01 for the others."""
    require_shape("shuffled", shuffled, batch=None, segments=None)
    if shuffled.dtype != torch.bool:
        raise ValueError(f"shuffled has dtype {shuffled.dtype}, expected torch.bool (True = its place is hidden)")
    hard = shuffled[:, :, None] | shuffled[:, None]
    return torch.where(hard, 1.0, EASY)


def ordering_loss(
    logits: Float[Tensor, "batch segments segments 4"],
    labels: Int[Tensor, "batch segments segments"],
    weights: Float[Tensor, "batch segments segments"],
) -> Float[Tensor, ""]:
    """The mean over *all* pairs of weight times cross-entropy: it is not divided by the sum of the weights."""
    require_shape("labels", labels, **dict(zip(("batch", "rows", "columns"), logits.shape[:3], strict=True)))
    each = F.cross_entropy(logits.flatten(0, 2), labels.flatten(), reduction="none")
    return (each * weights.flatten()).mean()
