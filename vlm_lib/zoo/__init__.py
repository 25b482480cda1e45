"""Models trained once and shared by the chapters, and loaders of pretrained ones.

`python -m vlm_lib.zoo` builds what is missing and prints size, time and quality of each.
"""

from vlm_lib.zoo.clip import ClipRecipe, build_clip, tiny_clip, train_clip
from vlm_lib.zoo.lm import LanguageModel, LmRecipe, build_lm, tiny_lm, train_lm
from vlm_lib.zoo.packages import WeightsUnavailable
from vlm_lib.zoo.page_world import KINDS as PAGE_KINDS
from vlm_lib.zoo.page_world import PageWorld, page_world
from vlm_lib.zoo.pretrained import PretrainedClip, PretrainedLm, open_clip_model, smollm2
from vlm_lib.zoo.real_bridge import RealClipRecipe, real_clip
from vlm_lib.zoo.real_mapper import CaptionerRecipe, real_captioner
from vlm_lib.zoo.store import Card

__all__ = [
    "PAGE_KINDS",
    "CaptionerRecipe",
    "Card",
    "ClipRecipe",
    "LanguageModel",
    "LmRecipe",
    "PageWorld",
    "PretrainedClip",
    "PretrainedLm",
    "RealClipRecipe",
    "WeightsUnavailable",
    "build_clip",
    "build_lm",
    "open_clip_model",
    "page_world",
    "real_captioner",
    "real_clip",
    "smollm2",
    "tiny_clip",
    "tiny_lm",
    "train_clip",
    "train_lm",
]
