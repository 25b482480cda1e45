"""A classifier that reads shape, colour and size off a picture: trained once on real pictures, then frozen.

What it still reads off a reconstruction, the reconstruction has kept. Half of what it learns from is blurred, so
that it does not fail on softness alone. Chapter: 13_cm3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vlm_lib.data.attributes import COLOURS, SHAPES, SIZES
from vlm_lib.data.objects import Objects
from vlm_lib.training.fit import fit
from vlm_lib.training.seeds import seed_everything, step_generator

CLASSES = (len(SHAPES), len(COLOURS), len(SIZES))


class ObjectReader(nn.Module):
    """Pictures [n 3 32 32] -> logits of shape, colour and size."""

    def __init__(self):
        super().__init__()
        widths = (3, 24, 48, 64)
        layers = [
            layer
            for before, after in zip(widths, widths[1:], strict=False)
            for layer in (nn.Conv2d(before, after, 4, 2, 1), nn.GELU())
        ]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, sum(CLASSES)))

    def forward(self, images: Float[Tensor, "n 3 32 32"]) -> tuple[Tensor, ...]:
        return self.body(images).split(CLASSES, dim=-1)

    @torch.no_grad()
    def right(self, images: Float[Tensor, "n 3 32 32"], truth: Objects) -> Bool[Tensor, "n 3"]:
        """Whether shape, colour and size of each picture are read as they are."""
        read = torch.stack([logits.argmax(dim=-1) for logits in self(images)], dim=1)
        return read == truth.attributes


def object_reader(objects: Objects, *, seed: int, steps: int = 150) -> ObjectReader:
    """Train the reader; half of each batch is blurred, by an average over 3 x 3 pixels or at half the size."""
    seed_everything(seed)
    model = ObjectReader()

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(objects), (48,), generator=step_generator(seed, step))
        sharp, soft = objects.images[rows].split(24)
        if step % 2:
            soft = F.avg_pool2d(soft, 3, 1, 1)
        else:
            soft = F.interpolate(F.avg_pool2d(soft, 2), scale_factor=2.0, mode="bilinear")
        return torch.cat([sharp, soft]), objects.attributes[rows]

    def loss(model: ObjectReader, shown: tuple[Tensor, Tensor]) -> Tensor:
        images, attributes = shown
        return sum(map(F.cross_entropy, model(images), attributes.T))

    fit(model, batch, loss, steps=steps, lr=3e-3, warmup=0.1, seed=seed)
    return model.requires_grad_(False).eval()
