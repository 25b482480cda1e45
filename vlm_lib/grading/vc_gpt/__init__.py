"""The checkers of sheet 32_vc_gpt, each usable in a cell: `check_two_heads(mine)` shows what is right or wrong."""

from vlm_lib.grading.vc_gpt.fusion import check_forgotten, check_on_top, check_what_is_left
from vlm_lib.grading.vc_gpt.heads import check_one_matrix, check_product, check_two_heads

__all__ = [
    "check_forgotten",
    "check_on_top",
    "check_one_matrix",
    "check_product",
    "check_two_heads",
    "check_what_is_left",
]
