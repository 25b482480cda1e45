"""The checkers of sheet 41_magic, each usable in a cell: `check_penalty(mine)` shows what is right or wrong."""

from vlm_lib.grading.magic.search import check_cache_rows, check_clip_inputs, check_repetition
from vlm_lib.grading.magic.terms import check_clip_term, check_magic_score, check_penalty

__all__ = [
    "check_cache_rows",
    "check_clip_inputs",
    "check_clip_term",
    "check_magic_score",
    "check_penalty",
    "check_repetition",
]
