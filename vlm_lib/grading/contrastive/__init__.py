"""The checkers of sheet 02_contrastive, each usable in a cell: `check_clip_loss(my_loss)` says what is wrong."""

from vlm_lib.grading.contrastive.duplicates import check_duplicates
from vlm_lib.grading.contrastive.gradient import check_loss_gradient
from vlm_lib.grading.contrastive.loss import check_clip_loss
from vlm_lib.grading.contrastive.recall import check_recall
from vlm_lib.grading.contrastive.stream import check_streaming_log_sum_exp
from vlm_lib.grading.contrastive.zeroshot import check_zero_shot

__all__ = [
    "check_clip_loss",
    "check_duplicates",
    "check_loss_gradient",
    "check_recall",
    "check_streaming_log_sum_exp",
    "check_zero_shot",
]
