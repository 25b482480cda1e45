"""Models trained once and shared by the chapters, and loaders of pretrained ones.

`python -m vlm_lib.zoo` builds what is missing and prints size, time and quality of each.
"""

from vlm_lib.zoo.clip import ClipRecipe, build_clip, tiny_clip, train_clip
from vlm_lib.zoo.lm import LanguageModel, LmRecipe, build_lm, tiny_lm, train_lm
from vlm_lib.zoo.page_world import KINDS as PAGE_KINDS
from vlm_lib.zoo.page_world import PageWorld, page_world
from vlm_lib.zoo.pretrained import PretrainedClip, PretrainedLm, WeightsUnavailable, open_clip_model, smollm2
from vlm_lib.zoo.store import Card

__all__ = [
    "PAGE_KINDS",
    "Card",
    "ClipRecipe",
    "LanguageModel",
    "LmRecipe",
    "PageWorld",
    "PretrainedClip",
    "PretrainedLm",
    "WeightsUnavailable",
    "build_clip",
    "build_lm",
    "open_clip_model",
    "page_world",
    "smollm2",
    "tiny_clip",
    "tiny_lm",
    "train_clip",
    "train_lm",
]
