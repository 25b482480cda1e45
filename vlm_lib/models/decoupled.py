"""CoCa's text decoder in two halves: below, text alone with a [CLS] at its end; above, text that reads an image.

Source: Yu et al. 2022, section 3.2 (arXiv 2205.01917). Chapter: 35_coca.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vlm_lib.attention import causal_mask
from vlm_lib.checks import require_shape
from vlm_lib.models.stack import Attention


def cls_mask(is_padding: Bool[Tensor, "batch seq"]) -> Bool[Tensor, "batch seq+1 seq+1"]:
    """Who may look at whom in the lower half; the last row and column are [CLS]. True = may attend.

    Words see themselves and the words before them, as in GPT. [CLS] sees itself and every word, no padding; and
    no word sees [CLS], which stands last. Padding stands on the right, so no word sees it either. Raises:
    ValueError for another shape or dtype, or a word to the right of padding. Chapter: 35_coca.
    """
    require_shape("is_padding", is_padding, batch=None, seq=None)
    if is_padding.dtype != torch.bool:
        raise ValueError(f"is_padding has dtype {is_padding.dtype}, expected torch.bool (True = padding)")
    if not torch.compiler.is_compiling() and (is_padding[:, :-1] & ~is_padding[:, 1:]).any():
        raise ValueError("is_padding: a word stands to the right of padding, expected padding on the right only")
    batch, seq = is_padding.shape
    mask = causal_mask(seq + 1, is_padding.device).repeat(batch, 1, 1)
    mask[:, -1, :-1] = ~is_padding
    return mask


class SelfBlock(nn.Module):
    """A pre-norm transformer layer: text attends to text, then a feed-forward layer."""

    def __init__(self, dim: int, heads: int, mlp_ratio: int = 4):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim))

    def forward(self, x: Float[Tensor, "batch seq dim"], mask: Tensor | None = None) -> Tensor:
        inner = self.norm_1(x)
        x = x + self.attention(inner, inner, mask)
        return x + self.mlp(self.norm_2(x))


class CrossBlock(SelfBlock):
    """The same, but text attends to image tokens, which have a norm of their own."""

    def __init__(self, dim: int, heads: int, mlp_ratio: int = 4):
        super().__init__(dim, heads, mlp_ratio)
        self.norm_image = nn.LayerNorm(dim)

    def forward(self, x: Float[Tensor, "batch seq dim"], image: Float[Tensor, "batch queries dim"]) -> Tensor:
        x = x + self.attention(self.norm_1(x), self.norm_image(image), None)
        return x + self.mlp(self.norm_2(x))


class UnimodalDecoder(nn.Module):
    """The lower half: a causal text transformer that never sees an image, with a learned [CLS] behind the text.

    [CLS] has no position, so that its output does not depend on how much padding stands before it. (OpenCLIP gives
    it the position after the padding, and its output then changes with the padding.)
    """

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        layers: int,
        *,
        positions: int,
        pad_id: int,
        heads: int = 4,
        mlp_ratio: int = 4,
    ):
        super().__init__()
        self.pad_id, self.positions = pad_id, positions
        self.embed = nn.Embedding(vocabulary, dim)
        self.position = nn.Parameter(0.02 * torch.randn(positions, dim))
        self.cls = nn.Parameter(0.02 * torch.randn(dim))
        self.layers = nn.ModuleList(SelfBlock(dim, heads, mlp_ratio) for _ in range(layers))
        self.norm_cls = nn.LayerNorm(dim)
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(
        self, ids: Int[Tensor, "batch seq"]
    ) -> tuple[Float[Tensor, "batch seq dim"], Float[Tensor, "batch dim"]]:
        """The states of the words and that of [CLS]. Raises: ValueError for no or too many positions, or as
        `cls_mask`."""
        require_shape("ids", ids, batch=None, seq=None)
        if not 1 <= ids.shape[1] <= self.positions:
            raise ValueError(f"ids: a text of {ids.shape[1]} tokens, expected 1 to {self.positions}")
        words = self.embed(ids) + self.position[: ids.shape[1]]
        x = torch.cat([words, self.cls.expand(len(ids), 1, -1)], dim=1)
        mask = cls_mask(ids == self.pad_id)
        for layer in self.layers:
            x = layer(x, mask)
        return x[:, :-1], self.norm_cls(x[:, -1])


class MultimodalDecoder(nn.Module):
    """The upper half: goes on from the lower half's words, and reads the image after each self-attention.

    As in OpenCLIP, a layer is a whole self-attention block and a whole cross-attention block.
    """

    def __init__(self, vocabulary: int, dim: int, layers: int, *, heads: int = 4, mlp_ratio: int = 4):
        super().__init__()
        self.text = nn.ModuleList(SelfBlock(dim, heads, mlp_ratio) for _ in range(layers))
        self.image = nn.ModuleList(CrossBlock(dim, heads, mlp_ratio) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.to_logits = nn.Linear(dim, vocabulary, bias=False)

    def forward(
        self, words: Float[Tensor, "batch seq dim"], image: Float[Tensor, "batch queries dim"]
    ) -> Float[Tensor, "batch seq vocabulary"]:
        """Logits of the token after each word."""
        mask = causal_mask(words.shape[1], words.device)
        for text, cross in zip(self.text, self.image, strict=True):
            words = cross(text(words, mask), image)
        return self.to_logits(self.norm(words))
