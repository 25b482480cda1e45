"""Pictures of one object, cut out of one-object scenes: the smallest images on which colour and shape can be read.

Chapter: 13_cm3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.data import scenes
from vlm_lib.data.attributes import COLOURS, EMPTY, SHAPES, SIZES
from vlm_lib.data.captions import phrase
from vlm_lib.data.sprites import CELL

__all__ = ["COLOURS", "SHAPES", "SIZES", "Objects", "generate"]


@dataclass(frozen=True)
class Objects:
    """Pictures, -1 .. 1, and what they show: (shape, colour, size), indices into SHAPES, COLOURS and SIZES."""

    images: Float[Tensor, "n 3 32 32"]
    attributes: Int[Tensor, "n 3"]

    def __len__(self) -> int:
        return len(self.attributes)

    def __getitem__(self, index: slice | Tensor) -> Objects:
        return Objects(self.images[index], self.attributes[index])

    def captions(self) -> list[str]:
        """What each picture shows: "large red circle"."""
        return [phrase(*row) for row in self.attributes.tolist()]


def generate(n: int, seed: int) -> Objects:
    """Draw `n` objects: the same seed gives the same ones. Raises: ValueError for n < 1 or a bad seed."""
    drawn = scenes.generate(n, seed, objects=1, split="all")
    filled = torch.from_numpy(drawn.attributes[..., 0] != EMPTY)
    tiles = drawn.images.unflatten(3, (2, CELL)).unflatten(2, (2, CELL)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    attributes = torch.from_numpy(drawn.attributes)[filled].long()
    return Objects(scenes.as_float(tiles[filled].contiguous()), attributes)
