"""The checkers of sheet 43_socratic_models, each usable in a cell: `check_best_candidate(mine)`."""

from vlm_lib.grading.socratic.asking import check_closed_answer, check_left_padded
from vlm_lib.grading.socratic.writing import (
    check_best_candidate,
    check_ceiling,
    check_share_of_hits,
    check_with_temperature,
)

__all__ = [
    "check_best_candidate",
    "check_ceiling",
    "check_closed_answer",
    "check_left_padded",
    "check_share_of_hits",
    "check_with_temperature",
]
