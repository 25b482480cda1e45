"""The checkers of sheet 42_pica, each usable in a cell: `check_layout(mine)` shows what is right or wrong."""

from vlm_lib.grading.pica.answers import check_answer_log_prob, check_keep, check_vote
from vlm_lib.grading.pica.prompts import check_layout, check_rank_groups, check_similar

__all__ = [
    "check_answer_log_prob",
    "check_keep",
    "check_layout",
    "check_rank_groups",
    "check_similar",
    "check_vote",
]
