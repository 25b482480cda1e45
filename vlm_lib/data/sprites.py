"""From attributes to pixels, with one gather per batch.

An object never leaves its 32x32 cell, so a picture is four tiles side by side. All possible tiles (shape, size and
jitter) are drawn once, as coverage between 0 and 1; rendering looks four of them up, tints them, and adds noise.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Float, Int, Int8, UInt8
from torch import Tensor

from vlm_lib.data.attributes import CELLS, COLOURS, SHAPES, SIZES

IMAGE, CELL = 64, 32
# Pixels. Smaller objects are too hard: with radii 5 and 9 a small network does not learn shape in seconds.
RADII = {"small": 8.0, "large": 13.0}
JITTER = 2  # an object's centre moves by up to this many pixels along each axis
BACKGROUND = (15, 95)  # grey levels, one drawn for each picture; dark, so that white and yellow stand out
NOISE = 9  # grey levels added to each value, uniform in -NOISE .. NOISE
PALETTE = {
    "red": (226, 42, 42),
    "green": (36, 160, 62),
    "blue": (50, 92, 240),
    "yellow": (245, 215, 40),
    "purple": (136, 52, 180),
    "pink": (250, 150, 195),
    "cyan": (50, 215, 220),
    "white": (246, 246, 246),
}
_SUPERSAMPLE = 8  # coverage is the mean of 8x8 points a pixel: smooth edges
_CHUNK = 512  # scenes rendered at a time: the working set stays in the processor's cache


def inside(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points (x right, y down, in units of the radius) lie inside a shape. Raises: KeyError."""
    radius, angle = np.hypot(x, y), np.arctan2(x, -y)
    tests = {
        "circle": lambda: radius < 0.95,
        "square": lambda: np.maximum(abs(x), abs(y)) < 0.8,
        "triangle": lambda: (y < 0.75) & (abs(x) < (y + 0.95) * 0.56),
        "star": lambda: _inside_star(radius, angle),
        "cross": lambda: (np.minimum(abs(x), abs(y)) < 0.28) & (np.maximum(abs(x), abs(y)) < 0.92),
        "ring": lambda: (radius < 0.95) & (radius > 0.55),
    }
    return tests[shape]()


def _inside_star(radius: np.ndarray, angle: np.ndarray, tip: float = 1.05, dent: float = 0.46) -> np.ndarray:
    """Five points: fold the plane into one tenth of a turn, where the edge is one straight line tip - dent."""
    tenth = np.pi / 5
    folded = abs((angle + tenth) % (2 * tenth) - tenth)
    edge_x, edge_y = dent * np.sin(tenth), dent * np.cos(tenth) - tip
    px, py = radius * np.sin(folded), radius * np.cos(folded) - tip
    return edge_x * py - edge_y * px < 0


def coverage(shape: str, radius: float, dx: float, dy: float, width: int) -> Float[np.ndarray, "width width"]:
    """How much of each pixel a shape covers, its centre `(dx, dy)` pixels from the middle of the square."""
    points = (np.arange(width * _SUPERSAMPLE) + 0.5) / _SUPERSAMPLE - width / 2
    filled = inside(shape, (points[None, :] - dx) / radius, (points[:, None] - dy) / radius)
    return filled.reshape(width, _SUPERSAMPLE, width, _SUPERSAMPLE).mean(axis=(1, 3)).astype(np.float32)


@functools.cache
def _tiles() -> Float[np.ndarray, "shapes sizes jitter jitter cell cell"]:
    """Every tile, drawn once; the last shape is "nothing"."""
    steps = range(-JITTER, JITTER + 1)
    bank = np.zeros((len(SHAPES) + 1, len(SIZES), len(steps), len(steps), CELL, CELL), dtype=np.float32)
    for s, shape in enumerate(SHAPES):
        for z, size in enumerate(SIZES):
            centred = coverage(shape, RADII[size], 0, 0, CELL)
            for i, dy in enumerate(steps):
                for j, dx in enumerate(steps):
                    bank[s, z, i, j] = np.roll(centred, (dy, dx), axis=(0, 1))
    return bank


def render_attributes(
    attributes: Int8[np.ndarray, "n 4 3"], rng: np.random.Generator
) -> UInt8[Tensor, "n 3 64 64"]:
    """Draw scenes: jitter, background brightness and pixel noise come from `rng`."""
    n = len(attributes)
    images = np.empty((n, 3, IMAGE, IMAGE), dtype=np.uint8)
    for start in range(0, n, _CHUNK):
        images[start : start + _CHUNK] = _render_chunk(attributes[start : start + _CHUNK], rng)
    return torch.from_numpy(images)


def _render_chunk(attributes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = len(attributes)
    shape, colour, size = np.moveaxis(attributes.astype(np.int64), -1, 0)
    jitter = rng.integers(2 * JITTER + 1, size=(2, n, CELLS))
    # An empty cell is -1, which as an index picks the last shape, "nothing"; its colour and size do not matter
    tiles = _tiles()[shape, size, jitter[0], jitter[1]]
    background = rng.uniform(*BACKGROUND, size=(n, 1, 1, 1)).astype(np.float32)
    tint = _palette()[colour][:, :, :, None, None] - background[:, None]
    painted = background[:, None] + tiles[:, :, None] * tint  # n, cell, channel, y, x
    grid = painted.reshape(n, 2, 2, 3, CELL, CELL).transpose(0, 3, 1, 4, 2, 5).reshape(n, 3, IMAGE, IMAGE)
    return _finish(grid, rng)


def place(
    shape: Int[np.ndarray, " n"], size: Int[np.ndarray, " n"], centres: Int[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n 64 64"]:
    """Coverage of one object a picture, anywhere in it; `centres` are x and y in pixels from the top left."""
    tiles = _tiles()[shape, size, JITTER, JITTER]
    # Pixels beyond the tile read its outermost row and column, which are always empty
    columns, rows = (
        np.clip(np.arange(IMAGE) - centres[:, axis, None] + CELL // 2, 0, CELL - 1) for axis in range(2)
    )
    return tiles[np.arange(len(tiles))[:, None, None], rows[:, :, None], columns[:, None, :]]


def paint(
    covered: Float[np.ndarray, "n 64 64"], colour: Int[np.ndarray, " n"], rng: np.random.Generator, *, repeat: int
) -> UInt8[np.ndarray, "n 3 64 64"]:
    """Tint coverage over a background that stays the same for `repeat` pictures in a row; noise is new in each."""
    background = rng.uniform(*BACKGROUND, size=(len(covered) // repeat, 1, 1, 1)).astype(np.float32)
    background = background.repeat(repeat, axis=0)
    tint = _palette()[colour][:, :, None, None] - background
    return _finish(background + covered[:, None] * tint, rng)


def _palette() -> Float[np.ndarray, "colours 3"]:
    return np.array([PALETTE[name] for name in COLOURS], dtype=np.float32)


def _finish(clean: Float[np.ndarray, "n 3 64 64"], rng: np.random.Generator) -> UInt8[np.ndarray, "n 3 64 64"]:
    noise = rng.integers(-NOISE, NOISE + 1, size=clean.shape, dtype=np.int8)
    return np.clip(clean + noise, 0, 255).astype(np.uint8)
