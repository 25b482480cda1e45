"""The checkers of sheet 12_simvlm, each usable in a cell: `check_prefix_mask(mine)` says what is wrong."""

from vlm_lib.grading.simvlm.objectives import check_corrupt, check_prefix_loss, check_what_is_predicted
from vlm_lib.grading.simvlm.shapes import check_prefix_mask, check_space_to_channels

__all__ = [
    "check_corrupt",
    "check_what_is_predicted",
    "check_prefix_loss",
    "check_prefix_mask",
    "check_space_to_channels",
]
