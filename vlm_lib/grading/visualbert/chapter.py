"""Checkers of the three exercises that stand in the chapter itself: each says in a line what is right or wrong.

Source: VisualBERT, sections 3.2 and 3.3 (arXiv 1908.03557). Chapter: 11_visualbert.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

BIAS, SEGMENT = torch.tensor([1.0, 10.0]), torch.tensor([2.0, 20.0])
POSITIONS = torch.tensor([[4.0, 40.0], [100.0, 100.0], [300.0, 300.0]])
LABELS = torch.tensor([[-100, 7], [5, -100]])


def folded_bias(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """The one bias that does the work of three: answer(bias, segment, positions)."""
    got = answer(BIAS, SEGMENT, POSITIONS)
    known = {
        "right: three constants, one vector": BIAS + SEGMENT + POSITIONS[0],
        "f_s and f_p are still missing": BIAS,
        "f_p is missing: row 0 of the table is added to every region": BIAS + SEGMENT,
        "f_s is missing": BIAS + POSITIONS[0],
        "only row 0 of the table is ever used": BIAS + SEGMENT + POSITIONS.sum(dim=0),
        "only row 0 of the table is ever used, not the mean of its rows": BIAS + SEGMENT + POSITIONS.mean(dim=0),
        "the bias itself stays": SEGMENT + POSITIONS[0],
    }
    return _which(got, known, expected=BIAS + SEGMENT + POSITIONS[0])


def labels_for_all(answer: Callable[[Tensor, int], Tensor]) -> str:
    """Labels for words and regions: answer(labels, regions)."""
    got, nothing = answer(LABELS, 3), torch.full((2, 3), -100)
    right = torch.cat([LABELS, nothing], dim=1)
    known = {
        "right: words first, and no region is asked for": right,
        "still as long as the words: regions need an entry each": LABELS,
        "regions come after the words": torch.cat([nothing, LABELS], dim=1),
        "0 is a word of the vocabulary: every region would be asked for it": torch.cat(
            [LABELS, 0 * nothing], dim=1
        ),
        "-1 is no label that a cross-entropy ignores": torch.cat([LABELS, 0 * nothing - 1], dim=1),
        "one entry per region, not a single one": torch.cat([LABELS, nothing[:, :1]], dim=1),
    }
    return _which(got, known, expected=right)


def best_blind_guess(answer: Callable[[], tuple[float, float]]) -> str:
    """What can be guessed of a masked colour and of a masked shape, when the other object's can be read."""
    colour, shape = answer()
    if math.isclose(colour, 1 / 7) and math.isclose(shape, 1 / 5):
        return "right: the other object's word is ruled out, one of 7 and one of 5 is left"
    if math.isclose(colour, 1 / 8) and math.isclose(shape, 1 / 6):
        return "the other object's colour can be read, and this one has another: how many are left?"
    if math.isclose(colour, 1 / 7) or math.isclose(shape, 1 / 5):
        return "one of the two is right: treat the other in the same way"
    return f"expected a share of colours and a share of shapes, got {colour:.3f} and {shape:.3f}"


def _which(got: Tensor, known: dict[str, Tensor], expected: Tensor) -> str:
    """What is said to the first tensor that equals what came."""
    for message, tensor in known.items():
        if got.shape == tensor.shape and torch.equal(got, tensor):
            return message
    return f"expected {expected.tolist()}, got {got.tolist()}"
