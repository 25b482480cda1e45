"""The checkers of sheet 21_frozen, each usable in a cell: `check_splice(mine)` shows what is right or wrong."""

from vlm_lib.grading.frozen.prefix import (
    check_frozen_loss,
    check_prompt_targets,
    check_splice,
    check_visual_prefix,
)
from vlm_lib.grading.frozen.prompts import check_prompt, check_training_bytes

__all__ = [
    "check_frozen_loss",
    "check_prompt",
    "check_prompt_targets",
    "check_splice",
    "check_training_bytes",
    "check_visual_prefix",
]
