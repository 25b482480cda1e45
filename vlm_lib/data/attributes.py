"""What a scene can contain, how scenes are held, and which combinations are kept from training.

A scene is a 2x2 grid. Each cell is empty or holds one object with a shape, a colour and a size. Within a scene no
two objects share a shape or a colour, so "the circle" and "the red object" always mean exactly one thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8, UInt8
from torch import Tensor

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLOURS = ("red", "green", "blue", "yellow", "purple", "pink", "cyan", "white")
SIZES = ("small", "large")
SPLITS = ("train", "held_out", "all")
CELLS = 4
EMPTY = -1

# Every colour once, so that none is easier to spot as "the one with a gap"; every shape at least once.
_HELD_OUT_INDEX = np.array([(c, (c + 2) % len(SHAPES)) for c in range(len(COLOURS))])
HELD_OUT: frozenset[tuple[str, str]] = frozenset((COLOURS[c], SHAPES[s]) for c, s in _HELD_OUT_INDEX)
_IS_HELD_OUT = np.zeros((len(COLOURS), len(SHAPES)), dtype=bool)
_IS_HELD_OUT[tuple(_HELD_OUT_INDEX.T)] = True


@dataclass(frozen=True)
class Scenes:
    """Pictures with the attributes they were drawn from.

    attributes: (shape, colour, size) as indices into SHAPES, COLOURS and SIZES for the four cells in reading
    order; -1 marks an empty cell. images: RGB, 0 .. 255.
    """

    attributes: Int8[np.ndarray, "n 4 3"]
    images: UInt8[Tensor, "n 3 64 64"]

    def __len__(self) -> int:
        return len(self.attributes)

    def __getitem__(self, index: slice | np.ndarray | list[int]) -> Scenes:
        """A subset, by slice, index array or boolean array. Raises: TypeError for a single int (use i:i+1)."""
        if isinstance(index, int | np.integer):
            raise TypeError(
                f"index: got the int {index}, expected a slice or an array, e.g. scenes[{index}:{index + 1}]"
            )
        index = index if isinstance(index, slice) else np.asarray(index)
        return Scenes(self.attributes[index], self.images[index])


def draw_attributes(
    n: int, rng: np.random.Generator, *, objects: tuple[int, int], split: str
) -> Int8[np.ndarray, "n 4 3"]:
    """Draw (shape, colour, size) for each cell in reading order; -1 marks an empty cell.

    `split`: "train" never holds a pair of `HELD_OUT`, "held_out" holds nothing else, "all" draws every pair.
    """
    colours, shapes = _draw_pairs(n, rng, split)
    sizes = rng.integers(len(SIZES), size=(n, CELLS))
    objects_per_scene = rng.integers(objects[0], objects[1] + 1, size=n)
    # A random rank for each cell; the cells whose rank is below the number of objects are filled.
    rank = rng.random((n, CELLS)).argsort(axis=1).argsort(axis=1)
    attributes = np.stack([shapes, colours, sizes], axis=-1).astype(np.int8)
    attributes[rank >= objects_per_scene[:, None]] = EMPTY
    return attributes


def _draw_pairs(n: int, rng: np.random.Generator, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Colours and shapes for all four cells of `n` scenes, drawn again wherever a scene breaks its rule.

    The rule covers the cells that stay empty too: a scene is then judged before its number of objects is known,
    and scenes with many objects are not thinned out more than those with few.
    """
    colours = np.empty((n, CELLS), dtype=np.int64)
    shapes = np.empty((n, CELLS), dtype=np.int64)
    todo = np.arange(n)
    while len(todo):
        if split == "held_out":
            pick = _permutations(len(todo), len(_HELD_OUT_INDEX), rng)
            colours[todo], shapes[todo] = _HELD_OUT_INDEX[pick, 0], _HELD_OUT_INDEX[pick, 1]
            ordered = np.sort(shapes[todo], axis=1)
            bad = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        else:
            colours[todo] = _permutations(len(todo), len(COLOURS), rng)
            shapes[todo] = _permutations(len(todo), len(SHAPES), rng)
            bad = _IS_HELD_OUT[colours[todo], shapes[todo]].any(axis=1) & (split == "train")
        todo = todo[bad]
    return colours, shapes


def _permutations(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """The first four entries of `n` random permutations of 0 .. size - 1, shape (n, 4)."""
    return rng.random((n, size)).argsort(axis=1)[:, :CELLS]
