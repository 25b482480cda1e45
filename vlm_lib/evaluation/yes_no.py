"""Does it see what is not there? Balanced yes/no questions about objects, and what must be printed of them.

Source: POPE, Li et al. 2023 (arXiv 2305.10355), whose negatives are random, frequent, or frequent companions;
ours are random, half right, or put together from what the picture does hold. Chapter: 51_evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vlm_lib.checks import check_one_of
from vlm_lib.data.attributes import COLOURS, EMPTY, SHAPES, Scenes
from vlm_lib.data.captions import phrase
from vlm_lib.training.seeds import stream

NEGATIVES = ("random", "half right", "recombined")
NEAR = ("another group", "the same group", "the same subgroup")


@dataclass(frozen=True)
class YesNo:
    """Shares from 0 to 1. `yes` is how often "yes" was said: without it, accuracy and F1 can hide a constant."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    yes: float


def yes_no_scores(said: Bool[Tensor, " n"], truth: Bool[Tensor, " n"]) -> YesNo:
    """What to print of yes/no answers. Where nothing was answered "yes", precision and F1 are 0.

    Raises: ValueError for shapes that differ, no question, or values other than booleans.
    """
    for name, values in {"said": said, "truth": truth}.items():
        if values.dtype != torch.bool or values.ndim != 1 or values.shape != truth.shape or len(values) == 0:
            raise ValueError(
                f"{name}: got shape {list(values.shape)} of {values.dtype}, expected booleans "
                f"{list(truth.shape)}, one per question and at least one"
            )
    hits = int((said & truth).sum())
    claimed, there = int(said.sum()), int(truth.sum())
    return YesNo(
        accuracy=float((said == truth).float().mean()),
        precision=hits / max(claimed, 1),
        recall=hits / max(there, 1),
        f1=2 * hits / max(claimed + there, 1),
        yes=claimed / len(said),
    )


def object_questions(scenes: Scenes, seed: int, negatives: str) -> tuple[list[str], list[str]]:
    """For each scene an object that is there and one that is not: ("red circle", "blue star").

    negatives: "random" has neither colour nor shape of the scene's objects; "half right" has a colour or a shape
    of it; "recombined" has both, of different objects. Raises: ValueError for an unknown kind, or a scene that
    does not hold two objects that differ in colour and in shape.
    """
    check_one_of("negatives", negatives, NEGATIVES)
    rng = stream(seed, f"yes/no {negatives}")
    present, absent = [], []
    for index, cells in enumerate(scenes.attributes):
        objects = [(int(shape), int(colour)) for shape, colour, _ in cells if shape != EMPTY]
        shapes, colours = {s for s, _ in objects}, {c for _, c in objects}
        if len(objects) != 2 or len(shapes) < 2 or len(colours) < 2:
            raise ValueError(
                f"scenes: scene {index} holds {objects}, expected two that differ in colour and shape"
            )
        absent.append(phrase(*_pick(negative_pairs(shapes, colours, set(objects))[negatives], rng)))
        present.append(phrase(*_pick(objects, rng)))
    return present, absent


def negative_pairs(shapes: set[int], colours: set[int], objects: set) -> dict[str, list[tuple[int, int]]]:
    """All (shape, colour) that are not in a scene, by how much of them is."""
    pairs = [(s, c) for s in range(len(SHAPES)) for c in range(len(COLOURS)) if (s, c) not in objects]
    shared = [(s in shapes) + (c in colours) for s, c in pairs]
    return {
        kind: [pair for pair, n in zip(pairs, shared, strict=True) if n == parts]
        for parts, kind in enumerate(NEGATIVES)
    }


def other_names(
    groups: Sequence[str], subgroups: Sequence[str], rows: Sequence[int], seed: int, near: str
) -> tuple[list[int], list[int]]:
    """For each of the drawings `rows` another of them, whose name is then wrong: (rows asked about, others).

    near: "another group", "the same group" (of another subgroup), or "the same subgroup"; a drawing without such a
    companion is left out. Raises: ValueError for an unknown nearness.
    """
    check_one_of("near", near, NEAR)
    rng = stream(seed, f"names {near}")
    asked, others = [], []
    for row in rows:
        level = [(groups[r] == groups[row]) + (subgroups[r] == subgroups[row]) for r in rows]
        options = [r for r, n in zip(rows, level, strict=True) if n == NEAR.index(near) and r != row]
        if options:
            asked.append(int(row))
            others.append(int(options[int(rng.integers(len(options)))]))
    return asked, others


def best_threshold(there: Float[Tensor, " n"], absent: Float[Tensor, " m"]) -> float:
    """The score above which "yes" is right most often, halfway between two scores; the classes weigh the same.

    Choose it on questions that are not the test's. Raises: ValueError for no score of a kind.
    """
    if len(there) == 0 or len(absent) == 0:
        raise ValueError(f"there, absent: got {len(there)} and {len(absent)} scores, expected one of each or more")
    scores = torch.cat([there, absent]).unique()
    between = torch.cat([scores[:1] - 1, (scores[1:] + scores[:-1]) / 2])
    right = (there > between[:, None]).float().mean(dim=1) + (absent <= between[:, None]).float().mean(dim=1)
    return float(between[right.argmax()])


def _pick(options: list, rng: np.random.Generator) -> tuple[int, int]:
    return options[int(rng.integers(len(options)))]
