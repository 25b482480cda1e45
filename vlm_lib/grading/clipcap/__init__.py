"""The checkers of sheet 22_clipcap, each usable in a cell: `check_labels(mine)` shows what is right or wrong."""

from vlm_lib.grading.clipcap.prefix import check_caption_logits, check_labels, check_mapper_input
from vlm_lib.grading.clipcap.reading import check_beam_step, check_halve_grid, check_nearest_word

__all__ = [
    "check_beam_step",
    "check_caption_logits",
    "check_halve_grid",
    "check_labels",
    "check_mapper_input",
    "check_nearest_word",
]
