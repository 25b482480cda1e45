"""What a model is given, and what it is to predict, under three objectives: prefix LM, causal LM, span corruption.

A text is a list of token ids that begins with <bos> and ends with <eos>. Sources: SimVLM, section 3.1 (arXiv
2108.10904); span corruption: T5, section 3.1.4 (arXiv 1910.10683v4). Chapter: 12_simvlm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.checks import check_at_least, check_one_of
from vlm_lib.losses import caption_loss

IGNORED = -100
SPAN = 3  # words per span on average, as in T5
OBJECTIVES = ("prefix LM", "causal LM", "span corruption")


@dataclass(frozen=True)
class Batch:
    """ids [n words], padded on the right; prefix_len [n] counts image tokens, too; labels [n words] are shifted.

    labels[:, t] is the word after word t, or -100 where it is not to be predicted: within the prefix, and padding.
    """

    images: Tensor | None
    ids: Int[Tensor, "n words"]
    prefix_len: Int[Tensor, " n"]
    labels: Int[Tensor, "n words"]


def draw_prefix(length: int, rng: np.random.Generator) -> int:
    """How many words of a text stand in the prefix: <bos> or more, but not all."""
    return int(rng.integers(1, check_at_least("length", length, 2)))


def batch_of(
    images: Tensor | None,
    texts: Sequence[Sequence[int]],
    kept: Sequence[int],
    *,
    image_tokens: int,
    pad: int,
    causal: bool = False,
) -> Batch:
    """Texts of which the first `kept` words are given and the rest is predicted.

    causal: the same targets, but no prefix that sees itself both ways. Raises: ValueError unless each text keeps
    at least one word and leaves at least one.
    """
    for text, own in zip(texts, kept, strict=True):
        if not 1 <= own < len(text):
            raise ValueError(f"kept: got {own} of {len(text)} words, expected at least one and not all")
    ids = torch.full((len(texts), max(map(len, texts))), pad)
    labels = torch.full_like(ids, IGNORED)
    for row, (text, own) in enumerate(zip(texts, kept, strict=True)):
        ids[row, : len(text)] = torch.tensor(text)
        labels[row, own - 1 : len(text) - 1] = torch.tensor(text[own:])
    before = image_tokens if images is not None else 0
    prefix_len = torch.zeros(len(texts), dtype=torch.long) if causal else torch.tensor(kept) + before
    return Batch(images, ids, prefix_len, labels)


def corrupt(
    text: Sequence[int], targets: int, rng: np.random.Generator, sentinels: Sequence[int]
) -> tuple[list[int], int]:
    """Span corruption as one sequence, and how many of its words are given.

    `targets` words after <bos> are cut out in spans of about three; a sentinel stands for each. Then follows each
    sentinel with its span: <bos> a <s0> circle <eos> <s0> large red. Every word of the text is there once. Raises:
    ValueError for more targets than words.
    """
    words = len(text) - 1
    if not 1 <= targets <= words:
        raise ValueError(f"targets: got {targets}, expected 1 to {words}, the words after <bos>")
    spans = min(max(1, round(targets / SPAN)), len(sentinels), words - targets + 1)
    sizes = np.diff([0, *np.sort(rng.choice(np.arange(1, targets), spans - 1, replace=False)), targets])
    # a place for each span among the words that stay, no two the same: spans then never touch
    places = np.sort(rng.choice(words - targets + 1, spans, replace=False))
    given, moved, at, stayed = [text[0]], [], 1, 0
    for sentinel, size, place in zip(sentinels, sizes, places, strict=False):
        given += [*text[at : at + place - stayed], sentinel]
        at, stayed = at + place - stayed, place
        moved += [sentinel, *text[at : at + size]]
        at += size
    given += text[at:]
    return [*given, *moved], len(given)


def objective(
    name: str,
    images: Tensor | None,
    texts: Sequence[Sequence[int]],
    rng: np.random.Generator,
    *,
    image_tokens: int,
    pad: int,
    sentinels: Sequence[int] = (),
) -> Batch:
    """A batch under one of OBJECTIVES. Equal `rng` gives each text equally many targets, whatever the objective.

    A sentinel of span corruption is no target: which one comes is known beforehand.
    """
    check_one_of("name", name, OBJECTIVES)
    kept = [draw_prefix(len(text), rng) for text in texts]
    if name != "span corruption":
        return batch_of(images, texts, kept, image_tokens=image_tokens, pad=pad, causal=name == "causal LM")
    pairs = [corrupt(text, len(text) - own, rng, sentinels) for text, own in zip(texts, kept, strict=True)]
    batch = batch_of(images, *zip(*pairs, strict=True), image_tokens=image_tokens, pad=pad)
    is_sentinel = torch.isin(batch.labels, torch.tensor(sentinels))
    return Batch(images, batch.ids, batch.prefix_len, batch.labels.masked_fill(is_sentinel, IGNORED))


def loss(model: Callable[..., Tensor] | nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """Nats per predicted word, as `training.fit` wants it."""
    return caption_loss(model(batch.images, batch.ids, batch.prefix_len), batch.labels, ignore_index=IGNORED)
