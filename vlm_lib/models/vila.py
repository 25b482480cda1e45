"""VILA: a language model that has learned to read, and pictures put in the place of their tags by a projector.

Source: Lin et al. 2023 (arXiv 2312.07533); the projector is `mlp_downsample` of its released code. Chapter:
12_simvlm.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.attention.masks import causal_mask
from vlm_lib.models.stack import Stack


def space_to_channels(features: Float[Tensor, "n channels rows columns"]) -> Float[Tensor, "n tokens 4*channels"]:
    """Each 2 by 2 block of the grid becomes one token, whose channels are those of the four cells.

    The order is left to right, then down, for blocks and within a block. Raises: ValueError for an odd grid.
    """
    rows, columns = features.shape[2:]
    if rows % 2 or columns % 2:
        raise ValueError(f"features has a grid of {rows} by {columns}, expected even numbers")
    blocks = features.unflatten(3, (columns // 2, 2)).unflatten(2, (rows // 2, 2))
    return blocks.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def projector(channels: int, width: int) -> nn.Sequential:
    """What stands between the eyes and the language model, after `space_to_channels`."""
    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width))


class Vila(nn.Module):
    """A causal language model; a picture stands in its text as one vector per <image> tag."""

    def __init__(
        self,
        vocabulary: int,
        image_id: int,
        *,
        channels: int,
        width: int = 48,
        layers: int = 2,
        heads: int = 4,
        positions: int = 64,
    ):
        super().__init__()
        self.image_id = image_id
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        for table in (self.words, self.positions):
            nn.init.normal_(table.weight, std=0.06)
        self.project = projector(channels, width)
        self.stack = Stack(width, layers, heads)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(
        self, ids: Int[Tensor, "batch seq"], features: Float[Tensor, "images channels"] | None = None
    ) -> Float[Tensor, "batch seq vocabulary"]:
        """`features` holds the pictures of all documents in reading order.

        Raises: ValueError unless there are as many as <image> tags.
        """
        x, tags = self.words(ids), ids == self.image_id
        given = 0 if features is None else len(features)
        if int(tags.sum()) != given:
            raise ValueError(f"features: got {given} pictures, expected {int(tags.sum())}, one for each tag")
        if given:
            x = x.masked_scatter(tags[:, :, None], self.project(features))
        x = x + self.positions.weight[: ids.shape[1]]
        return self.head(self.stack(x, causal_mask(ids.shape[1], ids.device)))
