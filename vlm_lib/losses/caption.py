"""The loss of every captioner: next-token cross-entropy over the tokens that count."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape


def caption_loss(
    logits: Float[Tensor, "batch seq vocab"],
    targets: Int[Tensor, "batch seq"],
    *,
    ignore_index: int = -100,
) -> Float[Tensor, ""]:
    """Mean cross-entropy, in nats a token, of the tokens that count. The targets are already shifted.

    Positions whose target is `ignore_index` (padding, prompts, image slots) neither count nor are counted.
    Raises `ValueError` for wrong shapes, an empty batch, logits that are not finite, targets outside the
    vocabulary, or when no token counts (the mean would be 0/0).
    Source: CoCa, section 3.1 (arXiv 2205.01917). Chapter: 34_flamingo.
    """
    require_shape("logits", logits, batch=None, seq=None, vocab=None)
    require_shape("targets", targets, batch=logits.shape[0], seq=logits.shape[1])
    require_finite("logits", logits)
    if targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(f"targets has dtype {targets.dtype}, expected integer token ids")
    if not torch.compiler.is_compiling():
        counted = targets[targets != ignore_index]
        if counted.numel() == 0:
            raise ValueError(f"targets holds nothing but ignore_index={ignore_index}, expected a token")
        low, high = int(counted.min()), int(counted.max())
        if low < 0 or high >= logits.shape[2]:
            raise ValueError(f"targets reach from {low} to {high}, expected ids below {logits.shape[2]}")
    with torch.autocast(logits.device.type, enabled=False):
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(wide.flatten(0, 1), targets.flatten().long(), ignore_index=ignore_index)
