"""Word-order pairs: two images and two captions of the same words. Chapter: 51_evaluation.

Sources: Winoground, Thrush et al. 2022 (arXiv 2204.03162); ARO, Yuksekgonul et al. 2022 (arXiv 2210.01936).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape
from vlm_lib.data.attributes import EMPTY, Scenes
from vlm_lib.data.captions import INVERSE
from vlm_lib.data.scenes import render
from vlm_lib.training.seeds import stream

CHANCE = {"text": 1 / 4, "image": 1 / 4, "group": 1 / 6}  # of the 24 orders of four different scores


@dataclass(frozen=True)
class PairScores:
    """Shares of items: the right caption for both images, the right image for both captions, and both."""

    text: float
    image: float
    group: float


def pair_scores(scores: Float[Tensor, "items 2 2"]) -> PairScores:
    """`scores[i, c, m]`: how well caption c fits image m of item i; caption 0 belongs to image 0. Ties are wrong.

    Raises: ValueError for another shape, no item, or values that are not finite.
    """
    require_shape("scores", scores, items=None, captions=2, images=2)
    require_finite("scores", scores)
    right0, right1 = scores[:, 0, 0], scores[:, 1, 1]
    text = (right0 > scores[:, 1, 0]) & (right1 > scores[:, 0, 1])
    image = (right0 > scores[:, 0, 1]) & (right1 > scores[:, 1, 0])
    return PairScores(*(float(part.float().mean()) for part in (text, image, text & image)))


def shuffled(caption: str, seed: int, *, number: int = 4) -> list[str]:
    """Other orders of a caption's words, no two alike and none the caption itself; a full stop stays at the end.

    Raises: ValueError for a caption that has too few orders.
    """
    words = caption.split()
    stop = words[-1:] if words[-1:] == ["."] else []
    body, rng, found = words[: len(words) - len(stop)], stream(seed, f"shuffle {caption}"), []
    for _ in range(100 * number):
        order = " ".join([*(body[i] for i in rng.permutation(len(body))), *stop])
        if order != caption and order not in found:
            found.append(order)
        if len(found) == number:
            return found
    raise ValueError(f"caption: {caption!r} has too few orders of its words, expected {number} besides itself")


def exchange_objects(scenes: Scenes, seed: int) -> Scenes:
    """The same scenes with their two objects in each other's cells: what `swapped_captions` says is true of them.

    `seed` is that of the scenes, so that background and jitter stay. Raises: ValueError unless each scene has two
    objects.
    """
    attributes = scenes.attributes.copy()
    for index, cells in enumerate(attributes):
        taken = np.flatnonzero(cells[:, 0] != EMPTY)
        if len(taken) != 2:
            raise ValueError(f"scenes: scene {index} has {len(taken)} object(s), expected exactly 2 in each")
        cells[taken] = cells[taken[::-1]]
    return render(attributes, seed)


def reworded(caption: str) -> str:
    """A caption of two objects said the other way round: "a A left of a B ." becomes "a B right of a A .".

    Raises: ValueError for a caption without a relation between two objects.
    """
    text = caption.removesuffix(" .")
    for relation in sorted(INVERSE, key=len, reverse=True):
        first, found, second = text.partition(f" {relation} ")
        if found:
            return f"{second} {INVERSE[relation]} {first} ."
    raise ValueError(f"caption: {caption!r} has no relation, expected one of {', '.join(INVERSE)}")
