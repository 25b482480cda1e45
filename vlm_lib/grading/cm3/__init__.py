"""The checkers of sheet 13_cm3, each usable in a cell: `check_mask_spans(mine)` shows what is right or wrong."""

from vlm_lib.grading.cm3.codes import check_nearest, check_straight_through, check_vq_loss
from vlm_lib.grading.cm3.documents import check_mask_spans, check_targets, check_unmask

__all__ = [
    "check_mask_spans",
    "check_nearest",
    "check_straight_through",
    "check_targets",
    "check_unmask",
    "check_vq_loss",
]
