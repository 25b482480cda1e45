"""Checker for what can reach a position through several layers: paths in the mask, with the residual stream.

Source: attention rollout, which multiplies whole matrices of weights in the same way and adds the identity for the
residual stream: Abnar and Zuidema 2020, section 3 (arXiv 2005.00928). Chapter: 03_attention.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.grading.kit.compare import UNTOUCHED, Case, Mistake, diagnose
from vlm_lib.grading.kit.report import Report


def _itself(mask: Tensor) -> Tensor:
    return torch.eye(len(mask), dtype=torch.bool)


def _paths(mask: Tensor, layers: int) -> Tensor:
    """True where a path of exactly `layers` steps leads from row to column, each step allowed by the mask."""
    reached = _itself(mask)
    for _ in range(layers):
        reached = (mask.double() @ reached.double()) > 0
    return reached


def _reach(mask: Tensor, layers: int) -> Tensor:
    return _paths(mask | _itself(mask), layers)


def _counts(mask: Tensor, layers: int, dtype: torch.dtype) -> Tensor:
    """How many paths there are, in a dtype that may be too small for the count."""
    step = (mask | _itself(mask)).to(dtype)
    counts = _itself(mask).to(dtype)
    for _ in range(layers):
        counts = counts @ step
    return counts


def _up_to(mask: Tensor, layers: int) -> Tensor:
    """Paths of one step or more; a position is missing from its own row unless the mask leads back to it."""
    return torch.stack([_paths(mask, steps) for steps in range(1, layers + 1)]).any(dim=0)


OVERFLOW = (
    "Right for few layers, but with many the number of paths outgrows its dtype. You need to know only whether "
    "there is a path: go back to booleans after every layer."
)
REACH_MISTAKES = (
    Mistake("untouched", lambda mask, layers: torch.zeros_like(mask), UNTOUCHED),
    Mistake(
        "no_residual",
        _paths,
        "You left out the residual stream: it carries each position on unchanged, so a step may also stand still.",
    ),
    Mistake(
        "late_residual",
        lambda mask, layers: _paths(mask, layers) | _itself(mask),
        "You add the residual stream once, at the end. Every layer has one: a path may stand still in each.",
    ),
    Mistake(
        "not_itself",
        _up_to,
        "A position is missing from its own row: the residual stream brings its own input through every layer.",
    ),
    Mistake(
        "counts",
        lambda mask, layers: _counts(mask, layers, torch.double),
        "You return how many paths there are. The question is whether there is one: True or False.",
    ),
    Mistake(
        "one_more",
        lambda mask, layers: _reach(mask, layers + 1),
        "One layer too many: a single layer gives what the mask allows, and the position itself.",
    ),
    Mistake("one_less", lambda mask, layers: _reach(mask, layers - 1), "One layer is missing."),
    Mistake(
        "one_layer",
        lambda mask, layers: mask | _itself(mask),
        "You stop after one layer: what a position has taken in, later layers pass on to others.",
    ),
    Mistake(
        "elementwise",
        lambda mask, layers: mask,
        "Your result is the mask itself: a power element by element changes nothing. Layers follow one another as "
        "matrices are multiplied.",
    ),
    Mistake(
        "any_depth",
        lambda mask, layers: _reach(mask, len(mask)),
        "You follow paths of any length. Each layer takes one step, so n layers take at most n.",
    ),
    Mistake(
        "transposed",
        lambda mask, layers: _reach(mask, layers).T,
        "Rows and columns are exchanged: a row tells which inputs reach its position.",
    ),
    # integers come back to 0; in floating point 0 * inf is NaN, which is not above 0 and, as a boolean, True
    Mistake("overflow", lambda mask, layers: _counts(mask, layers, torch.long) > 0, OVERFLOW),
    Mistake("overflow_nan_is_true", lambda mask, layers: _counts(mask, layers, torch.float).bool(), OVERFLOW),
)


def reach_cases(seed: int = 0) -> list[Case]:
    """A mask and a number of layers: each position sees its left neighbour, a random mask, and 200 layers."""
    rng = torch.Generator().manual_seed(seed)
    left = torch.ones(6, 6, dtype=torch.bool).tril(-1).triu(-1)
    drawn = (torch.rand(8, 8, generator=rng) < 0.2) & ~torch.eye(8, dtype=torch.bool)
    two_blocks = torch.block_diag(torch.ones(8, 8), torch.ones(8, 8)).bool()
    return [(left, 3), (drawn, 2), (left, 1), (two_blocks, 200)]


def check_reach(answer: Callable, *, seed: int = 0) -> Report:
    """Check `answer(mask, layers) -> Bool["seq seq"]`: row i is True at each input that reaches position i."""
    return diagnose(
        "reach",
        answer,
        _reach,
        REACH_MISTAKES,
        reach_cases(seed),
        names=["mask", "layers"],
        praise="one step of the mask, or none, in every layer, however many there are.",
    )
