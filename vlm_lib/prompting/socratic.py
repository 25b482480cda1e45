"""A captioner made of frozen models that exchange nothing but text: propose, write, re-rank.

Eyes, an image-text model, choose words from closed lists; a language model writes candidates from these words;
eyes, the same or others, choose among the candidates. Source: Zeng et al. 2022, section 4.1 (arXiv 2204.00598),
and their released notebook. Chapter: 43_socratic_models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.checks import check_range
from vlm_lib.data.openmoji import Emoji
from vlm_lib.zoo.real_measure import COMMON_WORDS

# The slots of the released notebook in their order: who speaks, what sort of picture, place, things, and the cue.
TEMPLATE = (
    "I am an intelligent image captioning bot. This image is an emoji about {group}. I think it shows a kind of "
    "{kinds}. I think there might be a {things} in this emoji. A short name for this emoji is: a"
)
EncodeText = Callable[[Sequence[str]], Float[Tensor, "n dim"]]
BLIND = "I am an intelligent image captioning bot. A short name for this emoji is: a"


@dataclass(frozen=True)
class Words:
    """What the eyes say of one picture: its group, the likeliest kinds and things, the likeliest first."""

    group: str
    kinds: tuple[str, ...]
    things: tuple[str, ...]


@dataclass(frozen=True)
class Eyes:
    """An image-text model as it takes part in a conversation: it can choose among texts, and can't write one.

    images: its vectors of all pictures, of length 1. encode_text: texts to unit vectors of the same space.
    """

    images: Float[Tensor, "pictures dim"]
    encode_text: EncodeText

    def scores(self, picture: int, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """The cosine of a picture with each text."""
        return self.encode_text(texts) @ self.images[picture]

    def choose(self, pictures: Sequence[int], texts: Sequence[str], k: int) -> list[list[str]]:
        """The k likeliest of the texts for each picture, the likeliest first. Raises: ValueError for a bad k."""
        k = check_range("k", k, 1, len(texts))[0]
        best = (self.images[list(pictures)] @ self.encode_text(texts).T).topk(k, dim=1).indices
        return [[texts[i] for i in row] for row in best.tolist()]


def remembered(encode_text: EncodeText) -> EncodeText:
    """The same encoder, which encodes a text once: candidates repeat themselves, and every arm judges the same."""
    known: dict[str, Tensor] = {}

    def encode(texts: Sequence[str]) -> Float[Tensor, "n dim"]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, encode_text(new), strict=True))
        return torch.stack([known[text] for text in texts])

    return encode


def propose(eyes: Eyes, pictures: Sequence[int], vocabulary: Emoji) -> list[Words]:
    """First step: one group, two subgroups and three names of the training drawings, for each picture."""
    groups, kinds = sorted(set(vocabulary.categories)), sorted(set(vocabulary.subgroups))
    names = [vocabulary.names[row] for row in vocabulary.train]
    said = zip(
        *(eyes.choose(pictures, texts, k) for texts, k in ((groups, 1), (kinds, 2), (names, 3))), strict=True
    )
    return [Words(group, tuple(kinds), tuple(things)) for (group,), kinds, things in said]


def either(words: Sequence[str]) -> str:
    """ "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def prompt(words: Words | None) -> str:
    """What the language model reads; without words, the same request and nothing about the picture."""
    if words is None:
        return BLIND
    return TEMPLATE.format(group=words.group, kinds=either(words.kinds), things=either(words.things))


def first_line(text: str) -> str:
    """What a continuation says before it goes on to something else, as lower-case words.

    It ends at a line's end or a punctuation mark; the words are plain, so that any text encoder can read them.
    """
    return " ".join(re.findall(r"[a-z]+", re.split(r"[\n.,;:!?\"()]", text.strip(), maxsplit=1)[0].lower()))


def rerank(eyes: Eyes, picture: int, candidates: Sequence[str]) -> str:
    """Last step: the candidate that the eyes find likeliest, among those that say anything."""
    said = [text for text in dict.fromkeys(candidates) if text]
    return said[int(eyes.scores(picture, said).argmax())] if said else ""


def own_words(drawings: Emoji) -> list[set[str]]:
    """For each drawing the words of its name and of the tags that people gave it: what a caption may truly say."""
    return [content(" ".join((r.name, *r.tags))) for r in drawings.records]


def content(text: str) -> set[str]:
    """The words of a text that say something about a picture."""
    return set(re.findall(r"[a-z]+", text.lower())) - COMMON_WORDS


def hits(captions: Mapping[int, str], truth: Sequence[set[str]]) -> float:
    """The share of pictures (row -> caption) whose caption has a word that is true of them."""
    return sum(bool(content(text) & truth[row]) for row, text in captions.items()) / len(captions)
