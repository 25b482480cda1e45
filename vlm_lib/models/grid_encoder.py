"""A small image encoder: features of a frozen stem as a grid, then transformer layers. Chapter: 35_coca."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.checks import require_shape
from vlm_lib.models.decoupled import SelfBlock


def grid(maps: Float[Tensor, "n channels rows columns"], side: int) -> Float[Tensor, "n side*side features"]:
    """A feature map cut into side x side tokens in reading order; a token holds all features of its part.

    Raises: ValueError for a map that is not square or does not divide.
    """
    require_shape("maps", maps, n=None, channels=None, rows=maps.shape[-1], columns=None)
    if side < 1 or maps.shape[-1] % side:
        raise ValueError(f"maps has {maps.shape[-1]} rows, expected a multiple of side = {side}")
    return F.pixel_unshuffle(maps, maps.shape[-1] // side).flatten(2).transpose(1, 2)


class GridEncoder(nn.Module):
    """Tokens of `grid`, [n tokens features], to tokens that know of each other, [n tokens dim]."""

    def __init__(
        self, features: int, dim: int, *, tokens: int, layers: int = 1, heads: int = 4, mlp_ratio: int = 4
    ):
        super().__init__()
        self.features = features
        self.linear = nn.Linear(features, dim)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, dim))
        self.layers = nn.ModuleList(SelfBlock(dim, heads, mlp_ratio) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, grid: Float[Tensor, "n tokens features"]) -> Float[Tensor, "n tokens dim"]:
        """Raises: ValueError for another shape."""
        require_shape("grid", grid, n=None, tokens=len(self.position), features=self.features)
        x = self.linear(grid) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)
