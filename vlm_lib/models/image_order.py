"""Numbers for images: the fair third arm of the experiment on which images a token may see.

Chapter: 34_flamingo.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn


def sinusoidal(positions: int, dim: int) -> Float[Tensor, "positions dim"]:
    """Sines and cosines of geometrically spaced periods (Vaswani et al. 2017, section 3.5, arXiv 1706.03762)."""
    angle = torch.arange(positions)[:, None] * torch.exp(-math.log(10_000.0) * torch.arange(0, dim, 2) / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]


class ImageOrder(nn.Module):
    """Adds to each image's tokens a vector that tells which image it is: "none", "learned" or "sinusoidal".

    [batch images tokens dim] -> the same shape. "learned" has rows for `max_images`; more raise `ValueError`.
    """

    def __init__(self, kind: Literal["none", "learned", "sinusoidal"], dim: int, max_images: int):
        super().__init__()
        if kind not in ("none", "learned", "sinusoidal"):
            raise ValueError(f"image_order is {kind!r}, expected 'none', 'learned' or 'sinusoidal'")
        self.kind, self.max_images = kind, max_images
        if kind == "learned":
            self.table = nn.Parameter(torch.randn(max_images, dim))

    def forward(self, media: Float[Tensor, "batch images tokens dim"]) -> Float[Tensor, "batch images tokens dim"]:
        if self.kind == "none":
            return media
        images, dim = media.shape[1], media.shape[3]
        if self.kind == "sinusoidal":
            return media + sinusoidal(images, dim).to(media)[:, None]
        if images > self.max_images:
            raise ValueError(f"media hold {images} images, expected at most max_images={self.max_images}")
        return media + self.table[:images, None]
