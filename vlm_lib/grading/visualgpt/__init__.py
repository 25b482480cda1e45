"""The checkers of sheet 31_visualgpt, each usable in a cell: `check_join(mine)` shows what is right or wrong."""

from vlm_lib.grading.visualgpt.gates import check_closing_point, check_two_gates
from vlm_lib.grading.visualgpt.units import check_join, check_kinds_of_units, check_learned_gates, check_meshed

__all__ = [
    "check_closing_point",
    "check_join",
    "check_kinds_of_units",
    "check_learned_gates",
    "check_meshed",
    "check_two_gates",
]
