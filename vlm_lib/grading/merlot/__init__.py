"""The checkers of sheet 33_merlot, usable in a cell: `check_pair_labels(mine)` shows what is right or wrong."""

from vlm_lib.grading.merlot.frames import check_best_order, check_pooled
from vlm_lib.grading.merlot.pairs import check_ordering_loss, check_pair_labels, check_pair_weights
from vlm_lib.grading.merlot.words import check_draw_weights

__all__ = [
    "check_best_order",
    "check_draw_weights",
    "check_ordering_loss",
    "check_pair_labels",
    "check_pair_weights",
    "check_pooled",
]
