"""Attention between text and images. Masks are in `masks`, fast implementations in `kernels`.

Chapters: 03_attention, 34_flamingo.
"""

from vlm_lib.attention.cross import GatedCrossAttentionBlock, MaskedCrossAttention, feed_forward
from vlm_lib.attention.last_image import last_image_attention, masked_attention
from vlm_lib.attention.pooler import AttentionPooler
from vlm_lib.attention.resampler import PerceiverResampler

__all__ = [
    "AttentionPooler",
    "GatedCrossAttentionBlock",
    "MaskedCrossAttention",
    "PerceiverResampler",
    "feed_forward",
    "last_image_attention",
    "masked_attention",
]
