"""An image-text model from two locked towers: only a linear map from the one's space to the other's is trained.

Source: after LiT, section 3 (arXiv 2111.07991), which locks the image tower and trains the text tower; with a
thousand pairs there is nothing to train a tower with, so both are locked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F


class Standardized(nn.Module):
    """Features with mean 0 and standard deviation 1 along each dimension, by the statistics of given examples."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def set_from(self, examples: Float[Tensor, "n dim"]) -> None:
        self.mean.copy_(examples.mean(dim=0))
        self.std.copy_(examples.std(dim=0).clamp(min=1e-6))

    def forward(self, features: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
        return (features - self.mean) / self.std


class Bridge(nn.Module):
    """From image features to the space of text embeddings; the embeddings themselves are only centred.

    logit_scale: where the learned 1 / temperature starts. `set_from` takes the statistics of training features.
    """

    def __init__(self, image_dim: int, text_dim: int, *, dropout: float = 0.3, logit_scale: float = 10.0):
        super().__init__()
        self.standardize = Standardized(image_dim)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(image_dim, text_dim)
        self.register_buffer("text_mean", torch.zeros(text_dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))

    def set_from(self, features: Float[Tensor, "n image_dim"], embeddings: Float[Tensor, "m text_dim"]) -> None:
        self.standardize.set_from(features)
        self.text_mean.copy_(embeddings.mean(dim=0))

    def forward(self, features: Float[Tensor, "n image_dim"]) -> Float[Tensor, "n text_dim"]:
        """Image features to unit vectors."""
        return F.normalize(self.linear(self.dropout(self.standardize(features))), dim=1)

    def text(self, embeddings: Float[Tensor, "n text_dim"]) -> Float[Tensor, "n text_dim"]:
        """Text embeddings to unit vectors."""
        return F.normalize(embeddings - self.text_mean, dim=1)


class LockedClip(nn.Module):
    """Pictures and sentences in, unit vectors out, as `ContrastiveModel` has it, from two locked towers.

    image_tower: pictures to features [n image_dim]; text_tower: list of strings to embeddings [n text_dim].
    """

    def __init__(self, image_tower: nn.Module, text_tower: nn.Module, bridge: Bridge):
        super().__init__()
        self.image_tower, self.text_tower, self.bridge = image_tower, text_tower, bridge
        self.card = None  # the zoo fills in how the bridge was made and what was measured

    @property
    def device(self) -> torch.device:
        return self.bridge.log_scale.device

    @property
    def logit_scale(self) -> Float[Tensor, ""]:
        """1 / temperature, already exponentiated."""
        return self.bridge.log_scale.exp()

    def encode_image(self, images: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Unit vectors. Raises: as the image tower."""
        return self.bridge(self.image_tower(images))

    def encode_text(self, texts: Sequence[str]) -> Float[Tensor, "n dim"]:
        """Unit vectors. Raises: as the text tower."""
        return self.bridge.text(self.text_tower(texts))

    def score(
        self, images: UInt8[Tensor, "n 3 height width"], texts: Sequence[str]
    ) -> Float[Tensor, "images texts"]:
        """The cosine of each image with each text. Raises: as the towers."""
        return self.encode_image(images) @ self.encode_text(texts).T
