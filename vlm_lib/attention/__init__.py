"""Attention between text and images. Fast implementations in `kernels`.

Chapters: 03_attention, 34_flamingo.
"""

from vlm_lib.attention.cross import GatedCrossAttentionBlock, MaskedCrossAttention, feed_forward
from vlm_lib.attention.last_image import last_image_attention, masked_attention
from vlm_lib.attention.masks import (
    all_previous_images_mask,
    causal_mask,
    image_index,
    last_image_mask,
    prefix_lm_mask,
)
from vlm_lib.attention.pooler import AttentionPooler
from vlm_lib.attention.resampler import PerceiverResampler

__all__ = [
    "AttentionPooler",
    "GatedCrossAttentionBlock",
    "MaskedCrossAttention",
    "PerceiverResampler",
    "all_previous_images_mask",
    "causal_mask",
    "feed_forward",
    "image_index",
    "last_image_attention",
    "last_image_mask",
    "masked_attention",
    "prefix_lm_mask",
]
