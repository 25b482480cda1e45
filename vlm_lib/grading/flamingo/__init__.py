"""The checkers of sheet 34_flamingo, each usable in a cell: `check_phi(my_phi)` shows what is right or wrong."""

from vlm_lib.grading.flamingo.attention import check_masked_attention
from vlm_lib.grading.flamingo.gate import check_gated_residual
from vlm_lib.grading.flamingo.image_reach import check_image_reach
from vlm_lib.grading.flamingo.masks import check_last_image_mask, check_phi
from vlm_lib.grading.flamingo.mixture import check_mixture_step

__all__ = [
    "check_gated_residual",
    "check_image_reach",
    "check_last_image_mask",
    "check_masked_attention",
    "check_mixture_step",
    "check_phi",
]
