"""Two ways from pixels to one vector per patch: a convolutional stage, or one linear map. Chapter: 12_simvlm."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from timm.models.resnet import BasicBlock, ResNet, make_blocks
from torch import Tensor, nn

from vlm_lib.checks import require_shape

PATCH = 16  # pixels per side of a patch: what the first three stages of a ResNet leave of the picture


def first_stages(resnet: ResNet) -> nn.Sequential:
    """Stem and first three stages of any timm ResNet: one vector for 16 by 16 pixels; weights are shared."""
    names = ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3")
    return nn.Sequential(*(getattr(resnet, name) for name in names))


def narrow_stages(channels: Sequence[int] = (16, 24, 48)) -> nn.Sequential:
    """The same at the toy scale: one basic block per stage. timm's own stem would have 64 channels."""
    if len(channels) != 3:
        raise ValueError(f"channels: got {tuple(channels)}, expected the widths of three stages")
    first = channels[0]
    stem = [nn.Conv2d(3, first, 7, 2, 3, bias=False), nn.BatchNorm2d(first), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    stages, _ = make_blocks((BasicBlock,) * 3, channels, (1, 1, 1), inplanes=first)
    return nn.Sequential(*stem, *(stage for _, stage in stages))


class ConvStage(nn.Module):
    """Convolutional stages with `channels` maps at their end, and a linear map to the width of the transformer.

    Pixels from -1 to 1. Source: SimVLM, section 3 and its ablation (arXiv 2108.10904): the first three stages of a
    ResNet.
    """

    def __init__(self, stages: nn.Module, channels: int, width: int):
        super().__init__()
        self.stages, self.project = stages, nn.Linear(channels, width)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n patches width"]:
        require_shape("images", images, n=None, channels=3, height=None, width=None)
        return self.project(self.stages(images).flatten(2).transpose(1, 2))


class LinearPatches(nn.Module):
    """One linear map of the pixels of each patch, as in ViT (arXiv 2010.11929v2, section 3.1)."""

    def __init__(self, width: int, patch: int = PATCH):
        super().__init__()
        self.project = nn.Conv2d(3, width, patch, patch)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n patches width"]:
        require_shape("images", images, n=None, channels=3, height=None, width=None)
        return self.project(images).flatten(2).transpose(1, 2)
