"""Checker for what can reach a position through several layers: paths in the mask, with the residual stream.

Source: attention rollout, which multiplies whole matrices of weights in the same way and adds the identity for the
residual stream: Abnar and Zuidema 2020, section 3 (arXiv 2005.00928). Chapter: 03_attention.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


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


REACH_MISTAKES = {
    "no_residual": Mistake(
        _paths,
        "You left out the residual stream: it carries each position on unchanged, so a step may also stand still.",
    ),
    "late_residual": Mistake(
        lambda mask, layers: _paths(mask, layers) | _itself(mask),
        "You add the residual stream once, at the end. Every layer has one: a path may stand still in each.",
    ),
    "not_itself": Mistake(
        _up_to,
        "A position is missing from its own row: the residual stream brings its own input through every layer.",
    ),
    "counts": Mistake(
        lambda mask, layers: _counts(mask, layers, torch.double),
        "You return how many paths there are. The question is whether there is one: True or False.",
    ),
    "one_more": Mistake(
        lambda mask, layers: _reach(mask, layers + 1),
        "One layer too many: a single layer gives what the mask allows, and the position itself.",
    ),
    "one_less": Mistake(lambda mask, layers: _reach(mask, layers - 1), "One layer is missing."),
    "one_layer": Mistake(
        lambda mask, layers: mask | _itself(mask),
        "You stop after one layer: what a position has taken in, later layers pass on to others.",
    ),
    "elementwise": Mistake(
        lambda mask, layers: mask,
        "Your result is the mask itself: a power element by element changes nothing. Layers follow one another as "
        "matrices are multiplied.",
    ),
    "any_depth": Mistake(
        lambda mask, layers: _reach(mask, len(mask)),
        "You follow paths of any length. Each layer takes one step, so n layers take at most n.",
    ),
    "transposed": Mistake(
        lambda mask, layers: _reach(mask, layers).T,
        "Rows and columns are exchanged: a row tells which inputs reach its position.",
    ),
    # integers come back to 0; in floating point 0 * inf is NaN, which is not above 0 and, as a boolean, True
    "overflow": Mistake(
        lambda mask, layers: _counts(mask, layers, torch.long) > 0,
        "Right for few layers, but with many the number of paths outgrows its dtype. You need to know only "
        "whether there is a path: go back to booleans after every layer.",
        also=(lambda mask, layers: _counts(mask, layers, torch.float).bool(),),
    ),
}


def reach_cases(seed: int = 0) -> list[Case]:
    """A mask and a number of layers: each position sees its left neighbour, a random mask, and 200 layers."""
    rng = torch.Generator().manual_seed(seed)
    left = torch.ones(6, 6, dtype=torch.bool).tril(-1).triu(-1)
    drawn = (torch.rand(8, 8, generator=rng) < 0.2) & ~torch.eye(8, dtype=torch.bool)
    two_blocks = torch.block_diag(torch.ones(8, 8), torch.ones(8, 8)).bool()
    return [(left, 3), (drawn, 2), (left, 1), (two_blocks, 200)]


check_receptive_field = Task(
    name="receptive field",
    asks='answer(mask, layers) -> Bool["seq seq"]: row i is True at each input that reaches position i',
    right=_reach,
    mistakes=REACH_MISTAKES,
    cases=reach_cases,
    praise="one step of the mask, or none, in every layer, however many there are.",
)
