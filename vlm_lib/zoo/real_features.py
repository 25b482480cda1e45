"""What the frozen real towers make of pictures and sentences, computed once and kept: the towers never change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vlm_lib.cache import cache_dir
from vlm_lib.training.progress import progress
from vlm_lib.training.threads import one_thread
from vlm_lib.zoo.clip_worlds import emoji_fingerprint
from vlm_lib.zoo.real_towers import EFFICIENTNET, IMAGE_SIZE, MINILM_WEIGHTS, image_tower, sentence_encoder
from vlm_lib.zoo.store import cached


def image_features(images: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1280"]:
    """`image_tower` of these very pictures, some 40 per second at first, then read from the cache.

    Raises: ValueError as the tower; WeightsUnavailable.
    """
    pixels = hashlib.sha256(images.contiguous().numpy()).hexdigest()
    key = _digest(EFFICIENTNET.sha256, IMAGE_SIZE, list(images.shape), pixels)
    return _kept(f"image-features-{key}", "looking at pictures, once", image_tower, images.split(32))


def text_features(texts: Sequence[str]) -> Float[Tensor, "n 384"]:
    """`sentence_encoder` of these very sentences, computed once, then read from the cache.

    Raises: ValueError as the encoder; WeightsUnavailable.
    """
    key = _digest(MINILM_WEIGHTS.sha256, list(texts))
    return _kept(f"text-features-{key}", "reading sentences, once", sentence_encoder, [texts])


def real_fingerprint() -> str:
    """A digest of drawings, their texts and both towers: it changes if one of them does."""
    return _digest(emoji_fingerprint(), EFFICIENTNET.sha256, IMAGE_SIZE, MINILM_WEIGHTS.sha256)


def _kept(name: str, title: str, load: Callable[[], Any], batches: Sequence[Any]) -> Float[Tensor, "n dim"]:
    def build(_) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tower = load()
        with one_thread(), torch.no_grad():
            return {"features": torch.cat([tower(batch) for batch in progress(batches, title)])}, {}

    return cached(cache_dir() / "zoo" / f"{name}.safetensors", build)[0]["features"]


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
