"""MERLOT's image encoder: a ResNet that stops early, a ViT over its map, and 2x2 pooling of what the ViT says.

Every convolution that a norm follows has standardised weights, and the norms are group norms: a batch norm would
let pictures of one batch know of each other, which a contrastive loss can exploit. Source: the authors' code,
utils/vision_transformer.py (rowanz/merlot); the paper calls it a hybrid ViT-ResNet (arXiv 2106.02636). Chapter:
33_merlot.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.checks import require_shape
from vlm_lib.models.stack import Stack


class StandardisedConv(nn.Conv2d):
    """A convolution whose kernel has mean 0 and variance 1 for each output channel, whatever its weights say."""

    def forward(self, x: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n out h w"]:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        return F.conv2d(x, (self.weight - mean) * torch.rsqrt(variance + 1e-5), None, self.stride, self.padding)


class ConvNorm(nn.Sequential):
    """Standardised convolution, group norm and, unless told otherwise, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int, groups: int, *, stride: int = 1, relu: bool = True):
        convolution = StandardisedConv(channels, out, kernel, stride, kernel // 2, bias=False)
        super().__init__(convolution, nn.GroupNorm(groups, out, eps=1e-4), *([nn.ReLU()] if relu else []))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 beside a shortcut; where the map shrinks, both ways are averaged over `stride` x `stride`."""

    def __init__(self, channels: int, inner: int, groups: int, *, stride: int = 1):
        super().__init__()
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.shortcut = None if channels == 4 * inner else ConvNorm(channels, 4 * inner, 1, groups, relu=False)
        self.narrow = ConvNorm(channels, inner, 1, groups)
        self.look = ConvNorm(inner, inner, 3, groups)
        self.widen = ConvNorm(inner, 4 * inner, 1, groups, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.shortcut is None else self.shortcut(self.pool(x))
        return F.relu(self.widen(self.pool(self.look(self.narrow(x)))) + kept)


class HybridEncoder(nn.Module):
    """Frames to `dim` numbers for each part of the frame, one summary among them, and a vector to be contrasted.

    blocks: bottlenecks in each stage of the ResNet; the released model has (3, 4, 9), the first three stages of a
    ResNet-50 with more in the last, and no fourth. The map shrinks 4 times in the stem and twice per stage after
    the first. width: channels of the stem. side: the most places that the table of positions has along an edge.
    """

    def __init__(
        self,
        dim: int = 768,
        *,
        blocks: Sequence[int] = (3, 4, 9),
        width: int = 64,
        groups: int = 32,
        layers: int = 12,
        heads: int = 12,
        side: int = 64,
    ):
        super().__init__()
        half = width // 2
        self.stem = nn.Sequential(
            ConvNorm(3, half, 3, groups, stride=2),
            ConvNorm(half, half, 3, groups),
            ConvNorm(half, width, 3, groups),
        )
        stages, channels = [], width
        for number, count in enumerate(blocks):
            inner = width * 2**number
            stride = 1 if number == 0 else 2
            stages += [Bottleneck(channels, inner, groups, stride=stride)]
            stages += [Bottleneck(4 * inner, inner, groups) for _ in range(count - 1)]
            channels = 4 * inner
        self.stages, self.to_dim = nn.Sequential(*stages), nn.Conv2d(channels, dim, 1)
        self.stride = 4 * 2 ** (len(blocks) - 1)
        self.cls_position = nn.Parameter(0.02 * torch.randn(2, dim))
        self.position = nn.Parameter(0.02 * torch.randn(side, side, dim))
        self.norm, self.vit = nn.LayerNorm(dim), Stack(dim, layers, heads)

    def forward(
        self, frames: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n tokens dim"], Float[Tensor, "n dim"]]:
        """Pixels from 0 to 1. The first token is the frame's summary, the others a grid of half the ViT's side.

        The two summaries start as zeros and differ by their positions alone. Raises: ValueError for a frame whose
        sides are not multiples of twice the stride, or longer than the table of positions.
        """
        require_shape("frames", frames, n=None, channels=3, height=None, width=None)
        self._check(frames)
        grid = self.to_dim(self.stages(F.avg_pool2d(self.stem(frames - 0.5), 2)))
        rows, columns = grid.shape[2:]
        places = self.position[:rows, :columns].flatten(0, 1)
        summaries = self.cls_position.expand(len(frames), -1, -1)
        x = torch.cat([summaries, grid.flatten(2).mT + places], dim=1)
        x = self.vit(self.norm(x), None)
        pooled = F.avg_pool2d(x[:, 2:].mT.unflatten(2, (rows, columns)), 2)
        return torch.cat([x[:, :1], pooled.flatten(2).mT], dim=1), x[:, 1]

    def _check(self, frames: Tensor) -> None:
        height, width = frames.shape[2:]
        most, step = self.stride * len(self.position), 2 * self.stride
        if height % step or width % step or max(height, width) > most or not min(height, width):
            raise ValueError(f"frames: {height} x {width} pixels, expected multiples of {step} up to {most}")
