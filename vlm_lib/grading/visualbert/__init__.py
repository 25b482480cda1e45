"""The checkers of sheet 11_visualbert, each usable in a cell: `check_joint_mask(my_mask)` shows what is wrong."""

from vlm_lib.grading.visualbert.alignment import check_aligned_position
from vlm_lib.grading.visualbert.embeddings import check_embed_regions
from vlm_lib.grading.visualbert.loss import check_pretraining_loss
from vlm_lib.grading.visualbert.mask import check_joint_mask
from vlm_lib.grading.visualbert.masking import check_mask_words
from vlm_lib.grading.visualbert.pairs import check_caption_pairs

__all__ = [
    "check_aligned_position",
    "check_caption_pairs",
    "check_embed_regions",
    "check_joint_mask",
    "check_mask_words",
    "check_pretraining_loss",
]
