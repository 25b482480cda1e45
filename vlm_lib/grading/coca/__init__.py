"""The checkers of sheet 35_coca, each usable in a cell: `check_cls_mask(mine)` shows what is right or wrong."""

from vlm_lib.grading.coca.decoder import check_cls_mask, check_next_tokens
from vlm_lib.grading.coca.losses import check_coca_loss, check_equal_updates
from vlm_lib.grading.coca.poolers import check_cascade, check_rollout

__all__ = [
    "check_cascade",
    "check_cls_mask",
    "check_coca_loss",
    "check_equal_updates",
    "check_next_tokens",
    "check_rollout",
]
