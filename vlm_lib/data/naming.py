"""The shortest true captions of scenes with one or two objects: "red circle and blue star". Chapter: 35_coca."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from vlm_lib.data.attributes import COLOURS, EMPTY, SHAPES, Scenes

PAD, BOS, EOS, AND = range(4)
VOCABULARY = ("<pad>", "<bos>", "<eos>", "and", *COLOURS, *SHAPES)
LONGEST = 7  # <bos>, two objects with "and" between, <eos>
_FIRST_COLOUR, _FIRST_SHAPE = 4, 4 + len(COLOURS)


def naming_ids(scenes: Scenes) -> Int[Tensor, "n 7"]:
    """The objects of each scene in reading order, <bos> before and <eos> after them, padded on the right.

    Raises: ValueError for a scene with more than two objects.
    """
    rows = []
    for index, cells in enumerate(scenes.attributes.tolist()):
        objects = [cell for cell in cells if cell[0] != EMPTY]
        if len(objects) > 2:
            raise ValueError(f"scenes: scene {index} has {len(objects)} objects, expected at most 2")
        row = [BOS]
        for shape, colour, _ in objects:
            row += [AND] * (len(row) > 1) + [_FIRST_COLOUR + colour, _FIRST_SHAPE + shape]
        rows.append(row + [EOS] + [PAD] * (LONGEST - 1 - len(row)))
    return torch.tensor(rows)


def object_ids() -> Int[Tensor, "48 4"]:
    """The caption of every single object there is, shape by shape within each colour."""
    return torch.tensor(
        [[BOS, _FIRST_COLOUR + c, _FIRST_SHAPE + s, EOS] for c in range(len(COLOURS)) for s in range(len(SHAPES))]
    )


def object_numbers(scenes: Scenes) -> Int[Tensor, " n"]:
    """For scenes of one object: which of `object_ids` it is. Raises: ValueError for a scene of several."""
    ids = naming_ids(scenes)
    if (ids == AND).any():
        raise ValueError("scenes: one holds two objects, expected one object in each")
    return (ids[:, 1] - _FIRST_COLOUR) * len(SHAPES) + ids[:, 2] - _FIRST_SHAPE


def is_attribute(ids: Int[Tensor, "*n"]) -> Bool[Tensor, "*n"]:
    """Where a colour or a shape stands: the words that only the picture tells."""
    return ids >= _FIRST_COLOUR


def text_of(ids: Int[Tensor, " seq"]) -> str:
    """The words, without marks and padding: "red circle and blue star"."""
    return " ".join(VOCABULARY[i] for i in ids.tolist() if i >= AND)
