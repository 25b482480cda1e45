"""The checkers of sheet 03_attention, for any cell: `check_prefix_lm_mask(my_mask)` says what is wrong."""

from vlm_lib.grading.attention.cost import check_attention_cost
from vlm_lib.grading.attention.folding import check_folded_pool
from vlm_lib.grading.attention.heads import check_multi_head_attention
from vlm_lib.grading.attention.pooling import check_attention_pool
from vlm_lib.grading.attention.prefix import check_prefix_lm_mask
from vlm_lib.grading.attention.receptive_field import check_receptive_field

__all__ = [
    "check_attention_cost",
    "check_attention_pool",
    "check_folded_pool",
    "check_multi_head_attention",
    "check_prefix_lm_mask",
    "check_receptive_field",
]
