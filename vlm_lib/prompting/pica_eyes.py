"""What PICa sees of the drawings: vectors to choose examples by, and words for prompts, from the zoo's models.

Chapter: 42_pica.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.cache import cache_dir
from vlm_lib.checks import check_at_least, check_one_of
from vlm_lib.data import openmoji
from vlm_lib.data.emoji_questions import WORDINGS
from vlm_lib.training.threads import one_thread
from vlm_lib.zoo.real_bridge import real_clip
from vlm_lib.zoo.real_features import image_features, text_features
from vlm_lib.zoo.real_mapper import real_captioner
from vlm_lib.zoo.store import cached

TAGS = 3
CONTEXTS = ("tags", "caption", "caption and tags", "true name")


@dataclass(frozen=True)
class Eyes:
    """All drawings through the real CLIP: unit vectors, in the order of `emoji`; `wordings`: of each question.

    tags: the names of training drawings whose vectors are nearest to each drawing's; captions: what the real
    captioner says of each held-out drawing, by row.
    """

    emoji: openmoji.Emoji
    images: Float[Tensor, "n dim"]
    names: Float[Tensor, "n dim"]
    wordings: Mapping[str, Float[Tensor, " dim"]]
    captions: Mapping[int, str]

    def tags(self, row: int, count: int = TAGS) -> list[str]:
        """The nearest names, of training drawings alone. Raises: ValueError for a count < 1."""
        known = torch.from_numpy(self.emoji.train)
        best = (self.names[known] @ self.images[row]).topk(check_at_least("count", count, 1)).indices
        return [self.emoji.names[i] for i in known[best]]

    def context(self, row: int, kind: str = "caption and tags") -> str:
        """A drawing in words: "caption. tag, tag, tag", or a part of it. Raises: ValueError for another kind."""
        check_one_of("kind", kind, CONTEXTS)
        if kind == "true name":
            return self.emoji.names[row]
        tags = ", ".join(self.tags(row))
        return {"tags": tags, "caption": self.captions[row]}.get(kind, f"{self.captions[row]}. {tags}")


@functools.cache
def eyes() -> Eyes:
    """The real CLIP's and the real captioner's view of the drawings. Raises: WeightsUnavailable."""
    clip, emoji = real_clip(), openmoji.load()
    texts = [text for wordings in WORDINGS.values() for text in wordings]
    with torch.no_grad():
        images = clip.bridge(image_features(emoji.images))
        names = clip.bridge.text(text_features(emoji.names))
        asked = clip.encode_text(texts)
    wordings = dict(zip(texts, asked, strict=True))
    return Eyes(emoji, images, names, wordings, _captions(images, emoji, clip.card.path.name))


def _captions(images: Tensor, emoji: openmoji.Emoji, clip: str) -> dict[int, str]:
    """The real captioner's greedy captions of the held-out drawings, written once and kept."""
    rows = torch.from_numpy(emoji.held_out)

    def build(_: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
        captioner = real_captioner()
        with one_thread(), torch.no_grad():
            said = [
                caption for part in images[rows].split(32) for caption in captioner.captions(part, max_tokens=8)
            ]
        return {"rows": rows}, {"captions": [" ".join(text.split()) for text in said]}

    key = hashlib.sha256(repr(("real captions", clip, 8)).encode()).hexdigest()[:12]
    state, facts = cached(cache_dir() / "zoo" / f"pica-captions-{key}.safetensors", build)
    return dict(zip(state["rows"].tolist(), facts["captions"], strict=True))
