"""The checkers of sheet 51_evaluation, each usable in a cell: `check_vqa(mine)` shows what is right or wrong."""

from vlm_lib.grading.evaluation_scores.answers import check_vqa, check_yes_no
from vlm_lib.grading.evaluation_scores.captions import (
    check_brevity,
    check_matches,
    check_subsequence,
    check_weights,
)

__all__ = [
    "check_brevity",
    "check_matches",
    "check_subsequence",
    "check_vqa",
    "check_weights",
    "check_yes_no",
]
