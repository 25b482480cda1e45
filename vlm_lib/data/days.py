"""Days of somebody who wears a camera: a row of short clips, one object in each, no two of a day alike in colour.

So a colour is a key: "what was the red object?" has one answer. In a clip the object goes round the picture, from
cell to cell, while the light changes. A day with a routine repeats its first moments. Chapter: 43_socratic_models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8, UInt8
from torch import Tensor

from vlm_lib.checks import check_at_least, check_range
from vlm_lib.data.attributes import CELLS, COLOURS, EMPTY, SHAPES, draw_attributes
from vlm_lib.data.scenes import render
from vlm_lib.training.seeds import stream

ROUND = (0, 1, 3, 2)  # cells, in reading order, clockwise from the top left: a clip's frames
_POOL = 256  # objects to choose from: every colour is among so many


@dataclass(frozen=True)
class Days:
    """frames: the clips of each day in order. attributes: (shape, colour, size) of each clip's object."""

    frames: UInt8[Tensor, "days moments frames 3 64 64"]
    attributes: Int8[np.ndarray, "days moments 3"]

    def __len__(self) -> int:
        return len(self.attributes)

    @property
    def shapes(self) -> list[list[str]]:
        """The shape of each moment's object."""
        return [[SHAPES[shape] for shape in day] for day in self.attributes[..., 0].tolist()]

    @property
    def colours(self) -> list[list[str]]:
        """The colour of each moment's object."""
        return [[COLOURS[colour] for colour in day] for day in self.attributes[..., 1].tolist()]


def days(n: int, seed: int, *, moments: int = 4, period: int | None = None) -> Days:
    """Draw `n` days of so many moments: the same seed gives the same days.

    period: after so many moments a day repeats itself, the same objects in the same order, filmed anew; None for
    no routine. Raises: ValueError for n or moments < 1, more different objects than there are colours, or a bad
    seed.
    """
    n, moments = check_at_least("n", n, 1), check_at_least("moments", moments, 1)
    name, different = ("moments", moments) if period is None else ("period", period)
    check_range(name, different, 1, len(COLOURS))
    rng = stream(seed, "days")
    objects = draw_attributes(_POOL, rng, objects=(1, 1), split="train").max(axis=1)
    of_colour = [objects[objects[:, 1] == colour] for colour in range(len(COLOURS))]
    attributes = np.empty((n, moments, 3), dtype=np.int8)
    for day in attributes:
        colours = rng.permutation(len(COLOURS))
        routine = [rng.choice(of_colour[colour]) for colour in colours[:different]]
        day[:] = [routine[moment % different] for moment in range(moments)]
    return Days(_film(attributes, rng, seed), attributes)


def _film(attributes: Int8[np.ndarray, "days moments 3"], rng: np.random.Generator, seed: int) -> Tensor:
    clips = attributes.reshape(-1, 3)
    start = rng.integers(CELLS, size=len(clips))
    cells = np.array(ROUND)[(start[:, None] + np.arange(CELLS)) % CELLS]
    scenes = np.full((len(clips), CELLS, CELLS, 3), EMPTY, dtype=np.int8)
    scenes[np.arange(len(clips))[:, None], np.arange(CELLS), cells] = clips[:, None]
    frames = render(scenes.reshape(-1, CELLS, 3), seed).images
    return frames.unflatten(0, (*attributes.shape[:2], CELLS))
