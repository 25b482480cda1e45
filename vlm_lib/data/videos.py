"""Short silent clips with a narrator: one object moves across the picture, in one of four directions.

Which of two frames came first cannot be told from the pictures alone, since every motion has its reverse, nor
from the words alone. It takes "the red circle moves right ." together with where the circle stands in each. Source
of the task: temporal ordering in MERLOT (arXiv:2106.02636). Chapter: 01_worlds.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Int8, UInt8
from torch import Tensor

from vlm_lib.checks import check_at_least, check_one_of
from vlm_lib.data.attributes import SPLITS, draw_attributes
from vlm_lib.data.captions import phrase
from vlm_lib.data.sprites import IMAGE, paint, place
from vlm_lib.training.seeds import stream

DIRECTIONS = ("right", "left", "down", "up")
_STEP = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])  # x right, y down, as in DIRECTIONS
# Places along the way, from low to high coordinate, for a motion across and a motion down
PLACES = (
    ("on the far left", "left of the middle", "right of the middle", "on the far right"),
    ("at the top", "above the middle", "below the middle", "at the bottom"),
)
NARRATIONS = {"direction": "the {object} moves {direction} .", "place": "the {object} is {place} ."}
MARGIN = 15  # pixels between an object's centre and the edge: a large one stays whole
MOST_FRAMES = 16


@dataclass(frozen=True)
class Videos:
    """Clips with one sentence a frame.

    attributes: (shape, colour, size) of each clip's object. directions: index into DIRECTIONS. centres: x and y of
    the object in each frame, pixels from the top left.
    """

    frames: UInt8[Tensor, "n frames 3 64 64"]
    narrations: list[list[str]]
    directions: Int8[np.ndarray, " n"]
    attributes: Int8[np.ndarray, "n 3"]
    centres: Int8[np.ndarray, "n frames 2"]

    def __len__(self) -> int:
        return len(self.directions)

    def __getitem__(self, index: slice) -> Videos:
        """A subset, by slice. Raises: TypeError for anything else."""
        if not isinstance(index, slice):
            raise TypeError(f"index: got {type(index).__name__}, expected a slice")
        return Videos(*(getattr(self, field.name)[index] for field in fields(self)))


def videos(
    n: int,
    seed: int,
    *,
    frames: int = 4,
    split: str = "train",
    narration: str = "direction",
    direction_weights: Mapping[str, float] | None = None,
) -> Videos:
    """Draw `n` clips: the same seed gives the same clips.

    narration: "direction" says in every frame which way the object moves, so no sentence tells its frame from the
    others; "place" says where it stands, so each sentence fits one frame best. direction_weights: how often each
    direction is drawn, e.g. {"right": 4, "left": 1, "down": 4, "up": 1}; equally often when None. With balanced
    directions a small network hardly starts to learn the ordering task; train on skewed, test on balanced ones.
    Raises: ValueError for n < 1, frames outside 2 .. 16, an unknown split or narration, weights that do not name
    the four directions or are not finite, >= 0 and positive in sum. Chapter: 01_worlds.
    """
    n = check_at_least("n", n, 1)
    if not isinstance(frames, numbers.Integral) or frames not in range(2, MOST_FRAMES + 1):
        raise ValueError(f"frames: got {frames!r}, expected an int within 2 .. {MOST_FRAMES}")
    check_one_of("split", split, SPLITS)
    check_one_of("narration", narration, tuple(NARRATIONS))
    rng = stream(seed, f"videos {split}")
    # One object in one of four cells: which cell does not matter here, and only that one is not -1
    attributes = draw_attributes(n, rng, objects=(1, 1), split=split).max(axis=1)
    directions = rng.choice(len(DIRECTIONS), size=n, p=_probabilities(direction_weights)).astype(np.int8)
    centres = _paths(directions, frames, rng)
    return Videos(
        frames=_render(attributes, centres, rng),
        narrations=_narrate(attributes, directions, centres, narration),
        directions=directions,
        attributes=attributes,
        centres=centres,
    )


def vocabulary() -> list[str]:
    """Texts that between them hold every word of a narration, for the tokenizer."""
    return [*DIRECTIONS, *(place for axis in PLACES for place in axis), "moves", "the", "is", "."]


def _probabilities(weights: Mapping[str, float] | None) -> np.ndarray:
    if weights is None:
        return np.full(len(DIRECTIONS), 1 / len(DIRECTIONS))
    values = np.array([weights.get(name, np.nan) for name in DIRECTIONS], dtype=float)
    if set(weights) != set(DIRECTIONS) or not np.isfinite(values).all() or values.min() < 0 or values.sum() == 0:
        raise ValueError(
            f"direction_weights: got {dict(weights)}, expected a finite number >= 0 for each of "
            f"{', '.join(DIRECTIONS)}, not all 0"
        )
    return values / values.sum()


def _paths(directions: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Equal steps from near one edge to near the other; start, length and the other coordinate vary by clip."""
    n, span = len(directions), IMAGE - 2 * MARGIN
    length = rng.uniform(0.8, 1.0, size=n) * span
    along = rng.uniform(-0.5, 0.5, size=n) * (span - length)
    across = rng.uniform(-0.5, 0.5, size=n) * span
    time = np.linspace(-0.5, 0.5, frames)
    step = _STEP[directions]
    # A clip shifts by the same amount whichever way it runs: position alone must not betray the direction
    travel = (length[:, None] * time)[:, :, None] * step[:, None] + along[:, None, None] * abs(step)[:, None]
    sideways = across[:, None, None] * (1 - abs(step))[:, None]
    return np.rint(IMAGE / 2 + travel + sideways).astype(np.int8)


def _render(attributes: np.ndarray, centres: np.ndarray, rng: np.random.Generator) -> Tensor:
    n, frames = centres.shape[:2]
    shape, colour, size = np.repeat(attributes.astype(np.int64), frames, axis=0).T
    pixels = paint(place(shape, size, centres.reshape(-1, 2)), colour, rng, repeat=frames)
    return torch.from_numpy(pixels).unflatten(0, (n, frames))


def _narrate(
    attributes: np.ndarray, directions: np.ndarray, centres: np.ndarray, narration: str
) -> list[list[str]]:
    quarter = np.clip((centres.astype(int) - MARGIN) * 4 // (IMAGE - 2 * MARGIN), 0, 3)
    stories = []
    for (shape, colour, _), direction, places in zip(attributes.tolist(), directions, quarter, strict=True):
        axis = int(direction) // 2
        stories.append(
            [
                NARRATIONS[narration].format(
                    object=phrase(shape, colour), direction=DIRECTIONS[direction], place=PLACES[axis][at[axis]]
                )
                for at in places
            ]
        )
    return stories
