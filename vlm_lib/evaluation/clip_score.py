"""CLIPScore: captions judged by an image-text model, without or with references. Chapter: 51_evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape

WEIGHT = 2.5  # stretches the cosines that a CLIP gives, rarely above 0.4, to about 0 .. 1


def clip_score(
    image_features: Float[Tensor, "n dim"], caption_features: Float[Tensor, "n dim"]
) -> Float[Tensor, " n"]:
    """2.5 max(cos, 0) of each image with its caption. The paper puts "A photo depicts" before each caption.

    Raises: ValueError for shapes that differ, or values that are not finite.
    Source: Hessel et al. 2021 (arXiv 2104.08718), section 3. Chapter: 51_evaluation.
    """
    _require("image_features", image_features, None)
    _require("caption_features", caption_features, image_features.shape)
    return WEIGHT * F.cosine_similarity(image_features, caption_features, dim=1).clamp(min=0)


def ref_clip_score(
    image_features: Float[Tensor, "n dim"],
    caption_features: Float[Tensor, "n dim"],
    reference_features: Sequence[Float[Tensor, "references dim"]],
) -> Float[Tensor, " n"]:
    """Harmonic mean of CLIPScore and the caption's largest cosine with a reference, 0 where either is.

    Raises: ValueError as `clip_score`, or for another number of reference lists than images.
    """
    score = clip_score(image_features, caption_features)
    if len(reference_features) != len(score):
        raise ValueError(f"reference_features: got {len(reference_features)} for {len(score)} images")
    nearest = torch.stack(
        [
            F.cosine_similarity(caption[None], references, dim=1).max().clamp(min=0)
            for caption, references in zip(caption_features, reference_features, strict=True)
        ]
    )
    return 2 * score * nearest / (score + nearest).clamp(min=1e-12)


def _require(name: str, features: Tensor, like: torch.Size | None) -> None:
    rows, dim = like if like is not None else (None, None)
    require_shape(name, features, n=rows, dim=dim)
    require_finite(name, features)
