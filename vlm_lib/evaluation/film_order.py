"""What order a model gives the frames of a film: from its logits of pairs to a matrix, to a sequence, to a score.

Source of the search over permutations: downstream/sort_story/score_permutations.py (rowanz/merlot). Chapter:
33_merlot.
"""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import require_shape
from vlm_lib.losses.ordering import AFTER, BEFORE, SAME


def before(logits: Float[Tensor, "batch n n 4"]) -> Float[Tensor, "batch n n"]:
    """The chance that the row comes before the column, given that it comes before or after it."""
    return logits[..., [BEFORE, AFTER]].softmax(dim=-1)[..., 0]


def pairs_right(chance: Float[Tensor, "batch n n"], time: Int[Tensor, "batch n"]) -> Float[Tensor, " batch"]:
    """The share of ordered pairs that are told right; `time` is when each frame was. Exactly 1/2 is wrong."""
    require_shape("time", time, batch=chance.shape[0], n=chance.shape[1])
    earlier = time[:, :, None] < time[:, None]
    right = torch.where(earlier, chance > 0.5, chance < 0.5)
    apart = time[:, :, None] != time[:, None]
    return (right & apart).float().sum(dim=(1, 2)) / apart.float().sum(dim=(1, 2))


def best_order(chance: Float[Tensor, "n n"]) -> list[int]:
    """The frames as they would be shown: the order under which the chances of all its pairs multiply to most."""
    log = chance.clamp(1e-6, 1 - 1e-6).log()
    score = lambda order: sum(float(log[a, b]) for a, b in itertools.combinations(order, 2))  # noqa: E731
    return list(max(itertools.permutations(range(len(chance))), key=score))


def best_matching(logits: Float[Tensor, "n n 4"]) -> list[int]:
    """For each frame the line that it belongs to, so that all pairs of lines and frames fit best, as the authors'
    script: logits of lines (rows) against frames, class "other video" left out after the softmax."""
    log, n = logits.log_softmax(dim=-1), len(logits)
    relation = lambda line, place: SAME if line == place else BEFORE if line < place else AFTER  # noqa: E731
    score = lambda places: sum(  # noqa: E731
        float(log[line, frame, relation(line, places[frame])]) for line in range(n) for frame in range(n)
    )
    return list(max(itertools.permutations(range(n)), key=score))
