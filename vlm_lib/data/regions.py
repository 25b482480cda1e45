"""Regions of pictures, as a detector hands them over: boxes, and what is inside them.

In `scenes` an object is what differs from the grey background, so its box is had exactly: that is our detector.
How much a model depends on it is tested by boxes that are noisy, or wrong on purpose. Chapter: 11_visualbert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from vlm_lib.checks import require_shape
from vlm_lib.data.attributes import CELLS, Scenes
from vlm_lib.data.sprites import CELL, IMAGE
from vlm_lib.training.seeds import stream

NOTICED = 30  # grey levels: above the noise of a picture, below the difference of any colour from any background
FULL = 120  # grey levels at which a pixel stands out as much as the fourth channel of a crop can say
SMALLEST = 4.0  # pixels: a box is at least so wide and high
CROP = 8  # pixels: every box is scaled to so many, whatever its own size


@dataclass(frozen=True)
class Regions:
    """What a model is told of the regions of a batch of pictures. Source: VisualBERT, section 3.2.

    features: o, one vector per region. places: the row of the table of region positions that a region gets; row 0
    for all if not given. words: the positions of the words that a region is aligned with, padded with -1. mask:
    `True` where there is a region; everywhere if not given.
    """

    features: Float[Tensor, "batch regions region_dim"]
    places: Int[Tensor, "batch regions"] | None = None
    words: Int[Tensor, "batch regions words"] | None = None
    mask: Bool[Tensor, "batch regions"] | None = None

    def __getitem__(self, index: slice | Tensor) -> Regions:
        """Some rows of the batch."""
        return Regions(**{name: None if part is None else part[index] for name, part in vars(self).items()})

    def without(self, *names: str) -> Regions:
        """The same regions, told less of: places or words."""
        return replace(self, **dict.fromkeys(names))

    def of_others(self, shift: int = 1) -> Regions:
        """Every row gets the regions of another: the batch is rotated by `shift` rows."""
        return Regions(
            **{name: None if part is None else part.roll(shift, dims=0) for name, part in vars(self).items()}
        )


def find_boxes(scenes: Scenes, seed: int) -> Float[Tensor, "n 4 4"]:
    """One box per cell, in reading order, as left, top, right, bottom in pixels: around the object in it, exactly.

    A cell without an object gets a box of random size in a random place of it, drawn from `seed`: real detectors,
    too, report regions that no caption mentions.
    """
    stands_out = _contrast(scenes.images)[:, 0] > NOTICED
    cells = stands_out.view(-1, 2, CELL, 2, CELL).transpose(2, 3).reshape(-1, CELLS, CELL, CELL)
    (top, bottom), (left, right) = _extent(cells.any(dim=3)), _extent(cells.any(dim=2))
    boxes = torch.stack([left, top, right, bottom], dim=-1).float()
    boxes[~cells.any(dim=(2, 3))] = 0.0
    rng = stream(seed, "boxes of nothing")
    size = torch.from_numpy(rng.uniform(14, 27, size=(len(scenes), CELLS, 2))).float()
    corner = torch.from_numpy(rng.random((len(scenes), CELLS, 2))).float() * (CELL - size)
    nothing = torch.cat([corner, corner + size], dim=-1)
    boxes = torch.where(cells.any(dim=(2, 3))[..., None], boxes, nothing)
    origin = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]]) * CELL  # x and y of the cells
    return boxes + torch.cat([origin, origin], dim=-1)


def _contrast(images: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 h w"]:
    """By how many grey levels a pixel differs from the background, whose grey is the median of its picture."""
    background = images.flatten(1).float().median(dim=1).values[:, None, None, None]
    return (images - background).abs().amax(dim=1, keepdim=True)


def _extent(line: Bool[Tensor, "n cells pixels"]) -> tuple[Int[Tensor, "n cells"], Int[Tensor, "n cells"]]:
    """The first pixel of a row that is set, and the one after the last."""
    marks = line.int()
    return marks.argmax(dim=-1), line.shape[-1] - marks.flip(-1).argmax(dim=-1)


def with_noise(boxes: Float[Tensor, "n regions 4"], pixels: float, seed: int) -> Float[Tensor, "n regions 4"]:
    """Every edge moved by a normal deviate of `pixels`, inside the picture; a box keeps some width and height."""
    noise = torch.from_numpy(stream(seed, "box noise").normal(scale=pixels, size=boxes.shape)).float()
    corner, opposite = (boxes + noise).split(2, dim=-1)
    corner = corner.clamp(0, IMAGE - SMALLEST)
    return torch.cat([corner, opposite.clamp(max=IMAGE).maximum(corner + SMALLEST)], dim=-1)


def elsewhere(boxes: Float[Tensor, "n regions 4"], seed: int) -> Float[Tensor, "n regions 4"]:
    """Boxes that are wrong on purpose: each keeps its size and is put anywhere in the picture."""
    corner, opposite = boxes.split(2, dim=-1)
    where = torch.from_numpy(stream(seed, "boxes elsewhere").random(corner.shape)).float()
    moved = where * (IMAGE - (opposite - corner))
    return torch.cat([moved, moved + opposite - corner], dim=-1)


def crops(
    images: UInt8[Tensor, "n 3 h w"], boxes: Float[Tensor, "n regions 4"]
) -> Float[Tensor, "n regions 4 crop crop"]:
    """What is inside each box, scaled to 8x8 pixels: red, green, blue, how far a pixel stands out; all -1 to 1.

    So a crop shows colour and outline, and neither where the box was nor how large. Each pixel is the mean of 2x2
    bilinear samples, as in RoIAlign; an outline beside each box is what Mask R-CNN gives (arXiv 1703.06870).
    Raises: ValueError for boxes of another shape.
    """
    require_shape("boxes", boxes, n=len(images), regions=None, edges=4)
    height, width = images.shape[-2:]
    steps = (torch.arange(2 * CROP) + 0.5) / (2 * CROP)
    left, top, right, bottom = (edge[..., None] for edge in boxes.unbind(-1))
    x = (left + (right - left) * steps) / width * 2 - 1
    y = (top + (bottom - top) * steps) / height * 2 - 1
    size = (*boxes.shape[:2], 2 * CROP, 2 * CROP)
    grid = torch.stack([x[:, :, None].expand(size), y[..., None].expand(size)], dim=-1)
    outline = _contrast(images).clamp(max=FULL) / FULL
    pixels = torch.cat([images / 255, outline], dim=1) * 2 - 1
    sampled = F.grid_sample(pixels, grid.flatten(1, 2), padding_mode="border", align_corners=False)
    return F.avg_pool2d(sampled.unflatten(2, size[1:3]).transpose(1, 2).flatten(0, 1), 2).unflatten(0, size[:2])


def coordinates(boxes: Float[Tensor, "n regions 4"]) -> Float[Tensor, "n regions 6"]:
    """A box in six numbers, as the authors' code can add them to the features: its edges, width and height.

    From -1 to 1 for edges; width and height are 0 at half a cell. Source: add_spatial_features in
    dataloaders/coco_dataset.py (uclanlp/visualbert), which divides by the picture's size instead.
    """
    size = boxes[..., 2:] - boxes[..., :2]
    return torch.cat([boxes / (IMAGE / 2) - 1, size / (CELL / 2) - 1], dim=-1)


def quarters(boxes: Float[Tensor, "n regions 4"]) -> Int[Tensor, "n regions"]:
    """In which quarter of the picture the middle of each box lies: 0 and 1 above, 2 and 3 below."""
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2 >= IMAGE / 2
    return middle[..., 0].long() + 2 * middle[..., 1].long()
