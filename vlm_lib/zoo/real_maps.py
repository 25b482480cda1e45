"""The frozen real tower's last map of every drawing, before it is pooled: 49 tokens for a new pooler."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.cache import cache_dir
from vlm_lib.data import openmoji
from vlm_lib.models.grid_encoder import grid
from vlm_lib.training.progress import progress
from vlm_lib.training.threads import one_thread
from vlm_lib.zoo.real_features import real_fingerprint
from vlm_lib.zoo.real_towers import ImageTower, image_tower
from vlm_lib.zoo.store import cached

MAP_SIDE, MAP_CHANNELS = 7, 320


def tower_maps(tower: ImageTower, images: Tensor) -> Float[Tensor, "n 49 320"]:
    """What the tower's last block says of each of 7 x 7 places, in reading order. Raises: as the tower."""
    maps = []
    for part in tower.pixels(images).split(8):
        x = tower.network.bn1(tower.network.conv_stem(part))
        maps.append(grid(tower.network.blocks(x), MAP_SIDE))
    return torch.cat(maps)


def drawing_maps() -> Float[Tensor, "n 49 320"]:
    """`tower_maps` of all drawings, as float16; computed once, in about a minute, then read from the cache.

    Raises: WeightsUnavailable, naming the package that is missing.
    """
    key = hashlib.sha256(repr((real_fingerprint(), MAP_SIDE)).encode()).hexdigest()[:16]

    def build(_) -> tuple[dict[str, Tensor], dict]:
        tower, images = image_tower(), openmoji.load().images
        with one_thread(), torch.no_grad():
            parts = [tower_maps(tower, part).half() for part in progress(images.split(32), "looking, once")]
        return {"maps": torch.cat(parts)}, {}

    return cached(cache_dir() / "zoo" / f"drawing-maps-{key}.safetensors", build)[0]["maps"]


class LastConvolution(nn.Module):
    """The tower's own last convolution and norm, from its maps to 1280 numbers a place, to be trained further.

    In training it sees 12 of the 49 places, others for each batch.
    """

    def __init__(self):
        super().__init__()
        network = image_tower().network
        self.layers = nn.Sequential(network.conv_head, network.bn2).requires_grad_(True)

    def forward(
        self,
        maps: Float[Tensor, "n 49 320"],
    ) -> Float[Tensor, "n places 1280"]:
        if self.training:
            maps = maps[:, torch.randperm(maps.shape[1])[:12]]
        column = maps.transpose(1, 2)[..., None]  # a picture one place wide
        return self.layers(column).flatten(2).transpose(1, 2)
