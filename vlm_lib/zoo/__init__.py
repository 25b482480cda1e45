"""Models trained once and shared by the chapters, and loaders of pretrained ones.

`python -m vlm_lib.zoo` builds what is missing and prints size, time and quality of each.
"""

from vlm_lib.zoo.clip import ClipRecipe, build_clip, tiny_clip, train_clip
from vlm_lib.zoo.contrastive_model import ContrastiveModel, VisionTokens

__all__ = ["ClipRecipe", "ContrastiveModel", "VisionTokens", "build_clip", "tiny_clip", "train_clip"]
