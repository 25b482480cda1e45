"""The controlled world: scenes of one to four coloured shapes, of which every fact is known.

Pictures are drawn by `sprites`, attributes by `attributes`, sentences by `captions`. Chapter: 01_worlds.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int8, UInt8
from torch import Tensor

from vlm_lib.checks import check_at_least, check_one_of, check_range
from vlm_lib.data.attributes import (
    CELLS,
    COLOURS,
    EMPTY,
    HELD_OUT,
    SHAPES,
    SIZES,
    SPLITS,
    Scenes,
    draw_attributes,
)
from vlm_lib.data.captions import (
    QUESTION_KINDS,
    TEMPLATES,
    captions,
    phrase,
    questions,
    statements,
    swapped_captions,
)
from vlm_lib.data.sprites import render_attributes
from vlm_lib.training.seeds import stream

__all__ = [
    "COLOURS",
    "HELD_OUT",
    "QUESTION_KINDS",
    "SHAPES",
    "SIZES",
    "TEMPLATES",
    "Scenes",
    "as_float",
    "captions",
    "generate",
    "phrase",
    "questions",
    "render",
    "statements",
    "swapped_captions",
]


def generate(n: int, seed: int, *, objects: int | tuple[int, int] = (1, 2), split: str = "train") -> Scenes:
    """Draw `n` scenes: the same seed gives the same scenes.

    objects: how many a scene holds, an int or (fewest, most) within 1 .. 4, each number equally likely.
    split: "train" never shows a (colour, shape) pair of HELD_OUT, "held_out" shows nothing else, "all" shows any.
    Raises: ValueError for n < 1, objects outside 1 .. 4, an unknown split or a bad seed. Chapter: 01_worlds.
    """
    n = check_at_least("n", n, 1)
    check_one_of("split", split, SPLITS)
    attributes = draw_attributes(
        n, stream(seed, f"scenes {split}"), objects=check_range("objects", objects, 1, CELLS), split=split
    )
    return render(attributes, seed)


def render(attributes: Int8[np.ndarray, "n 4 3"], seed: int) -> Scenes:
    """Draw scenes with chosen attributes; for interventions, e.g. the same scene with one colour changed.

    Equal seeds give equal jitter, background and noise, whatever the attributes, so that two pictures then differ
    in what was changed and nowhere else. Raises: ValueError for a wrong shape, an unknown index or no object.
    """
    attributes = np.asarray(attributes)
    if attributes.ndim != 3 or attributes.shape[1:] != (CELLS, 3) or len(attributes) == 0:
        raise ValueError(f"attributes: got shape {attributes.shape}, expected (n, 4, 3) with n >= 1")
    empty = (attributes == EMPTY).all(axis=-1)
    known = ((attributes >= 0) & (attributes < [len(SHAPES), len(COLOURS), len(SIZES)])).all(axis=-1)
    if not (empty | known).all() or empty.all(axis=1).any():
        raise ValueError(
            "attributes: expected in each cell -1 -1 -1 (empty) or a (shape, colour, size) below "
            f"{len(SHAPES)}, {len(COLOURS)}, {len(SIZES)}, and at least one object a scene; got another value"
        )
    attributes = attributes.astype(np.int8)
    return Scenes(attributes, render_attributes(attributes, stream(seed, "pixels")))


def as_float(images: UInt8[Tensor, "*batch 3 64 64"]) -> Float[Tensor, "*batch 3 64 64"]:
    """Map 0 .. 255 to -1 .. 1, in float32: the one preprocessing used everywhere. Raises: ValueError."""
    if images.dtype != torch.uint8:
        raise ValueError(f"images: got dtype {images.dtype}, expected torch.uint8 (0 .. 255)")
    return images.float().div_(127.5).sub_(1)  # in place: fresh memory costs more than the arithmetic
