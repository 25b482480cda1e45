"""How the real parts are measured: on the 256 drawings that no training saw, as the tiny models are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.data.openmoji import Emoji
from vlm_lib.evaluation.retrieval import recall_at_k
from vlm_lib.evaluation.zero_shot import classify
from vlm_lib.models.prefix import PrefixCaptioner
from vlm_lib.training.seeds import stream

# words that say nothing about what a drawing shows
COMMON_WORDS = {"a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with"}
EncodeText = Callable[[Sequence[str]], Float[Tensor, "n dim"]]


def retrieval(
    images: Float[Tensor, "n dim"], encode_text: EncodeText, emoji: Emoji, rows: Int[np.ndarray, " n"]
) -> dict[str, float]:
    """R@1 and R@5 of the name for the picture and the other way round; zero-shot category and subgroup.

    images: unit vectors of the drawings `rows`. A class is the vector of its bare name, among all there are.
    """
    similarity = images @ encode_text([emoji.names[row] for row in rows]).T
    quality = {f"R@{k} text": recall_at_k(similarity, k) for k in (1, 5)}
    quality |= {f"R@{k} image": recall_at_k(similarity.T, k) for k in (1, 5)}
    for kind, labels in (("category", emoji.categories), ("subgroup", emoji.subgroups)):
        classes = sorted(set(labels))
        found = classify(images, encode_text(classes)).tolist()
        quality[kind] = float(np.mean([classes[k] == labels[row] for k, row in zip(found, rows, strict=True)]))
    return quality


def chance(emoji: Emoji, rows: Int[np.ndarray, " n"]) -> dict[str, float]:
    """What `retrieval` gives a guesser who sees nothing: a random name, and the commonest class for everything."""
    quality = {f"R@{k} {what}": k / len(rows) for what in ("text", "image") for k in (1, 5)}
    for kind, labels in (("category", emoji.categories), ("subgroup", emoji.subgroups)):
        counts = np.unique([labels[row] for row in rows], return_counts=True)[1]
        quality[kind] = float(counts.max() / len(rows))
    return quality


def caption_quality(
    model: PrefixCaptioner, encode_text: EncodeText, features: Float[Tensor, "n dim"], emoji: Emoji
) -> dict[str, float]:
    """Of the held-out drawings: how surprising their names are to the model, and what it says of them.

    features: of all drawings. nats per name: -log p(name | drawing); "(another drawing)": the same names after
    other held-out drawings, a worse start for a model that looks. category: is it right for the training name
    that is nearest to the caption by `encode_text`? name word: does the caption share a word with the name?
    """
    rows = emoji.held_out
    seen, names = features[rows], [emoji.names[row] for row in rows]
    other = (np.arange(len(rows)) + 1 + stream(0, "another drawing").integers(len(rows) - 1)) % len(rows)
    said = [caption for part in seen.split(64) for caption in model.captions(part)]
    nearest = classify(encode_text(said), encode_text([emoji.names[row] for row in emoji.train])).numpy()
    categories = np.array(emoji.categories)
    return {
        "nats per name": surprise(model, seen, names),
        "nats per name (another drawing)": surprise(model, seen[other], names),
        "category": float((categories[emoji.train[nearest]] == categories[rows]).mean()),
        "name word": float(np.mean([bool(_words(a) & _words(b)) for a, b in zip(said, names, strict=True)])),
    }


def surprise(model: PrefixCaptioner, features: Float[Tensor, "n dim"], texts: Sequence[str]) -> float:
    """The mean of `model.surprise`, 32 captions of about one length at a time, for little padding."""
    total = 0.0
    for part in torch.from_numpy(np.argsort([len(text) for text in texts])).split(32):
        total += float(model.surprise(features[part], [texts[row] for row in part]).sum())
    return total / len(texts)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower())) - COMMON_WORDS
