"""BLEU, ROUGE-L and CIDEr-D of captions, as `pycocoevalcap` computes them, on arrays. Chapter: 51_evaluation.

All three take one candidate and one or more references per image, already tokenised (`ngrams.tokenize`).
Sources: BLEU, Papineni et al. 2002; ROUGE-L, Lin 2004; CIDEr, Vedantam et al. 2015 (arXiv 1411.5726).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vlm_lib.checks import check_at_least
from vlm_lib.evaluation.ngrams import Counts, count_ngrams, look_up, read_corpus

TINY, SMALL = 1e-15, 1e-9  # what the reference program adds above and below the fraction bar
BETA, SIGMA = 1.2, 6.0


@dataclass(frozen=True)
class Bleu:
    """`corpus[n - 1]` is BLEU-n of all captions together, `each[i, n - 1]` of image i alone; from 0 to 1."""

    corpus: Float[np.ndarray, " max_n"]
    each: Float[np.ndarray, "images max_n"]


def bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], *, max_n: int = 4) -> Bleu:
    """Geometric mean of clipped n-gram precisions, times a penalty for candidates that are too short.

    BLEU of a corpus adds up matches and n-grams of all images first: it is not the mean of the sentences' BLEU.
    Raises: ValueError as `read_corpus`, or for max_n < 1. Chapter: 51_evaluation.
    """
    check_at_least("max_n", max_n, 1)
    said, known = read_corpus(candidates, references)
    flat = [words for of_image in known for words in of_image]
    owner = np.repeat(np.arange(len(said)), [len(of_image) for of_image in known])
    tables = count_ngrams([*said, *flat], max_n)
    matches = np.stack([_matches(table, len(said), owner) for table in tables], axis=1)
    length = np.array([len(words) for words in said])
    possible = np.maximum(length[:, None] - np.arange(max_n), 0)
    closest = np.array(
        [
            min((len(words) for words in of_image), key=lambda n, own=own: (abs(n - own), n))
            for own, of_image in zip(length, known, strict=True)
        ]
    )
    each = _geometric(matches, possible, length, closest)
    whole = _geometric(*(np.sum(part, axis=0, keepdims=True) for part in (matches, possible, length, closest)))
    return Bleu(whole[0], each)


def _matches(table: Counts, images: int, owner: Int[np.ndarray, " references"]) -> Int[np.ndarray, " images"]:
    """How many n-grams of each candidate stand in a reference, each at most as often as in the richest one."""
    mine = table.sentence < images
    key, count = table.sentence * table.grams + table.gram, table.count
    theirs = owner[table.sentence[~mine] - images] * table.grams + table.gram[~mine]
    allowed, place = np.unique(theirs, return_inverse=True)
    most = np.zeros(len(allowed), dtype=int)
    np.maximum.at(most, place, count[~mine])
    clipped = np.minimum(count[mine], look_up(allowed, most, key[mine]))
    return np.bincount(table.sentence[mine], weights=clipped, minlength=images)


def _geometric(matches, possible, length, closest) -> Float[np.ndarray, "rows max_n"]:
    """(p_1 ... p_n)^(1/n) for each n, times the brevity penalty e^(1 - r/c) where c < r."""
    precision = (matches + TINY) / (possible + SMALL)
    score = np.cumprod(precision, axis=1) ** (1 / np.arange(1, matches.shape[1] + 1))
    ratio = (length + TINY) / (closest + SMALL)
    return score * np.where(ratio < 1, np.exp(1 - 1 / ratio), 1)[:, None]


def rouge_l(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> Float[np.ndarray, " images"]:
    """F-measure of the longest common subsequence, for each image, from 0 to 1; a corpus has their mean.

    Precision and recall are each the best over the references, not necessarily of the same one, as in the
    reference program. Raises: ValueError as `read_corpus`. Chapter: 51_evaluation.
    """
    said, known = read_corpus(candidates, references)
    pairs = [(i, ours, theirs) for i, ours in enumerate(said) for theirs in known[i]]
    image = np.array([i for i, _, _ in pairs])
    common = common_subsequence([ours for _, ours, _ in pairs], [theirs for _, _, theirs in pairs])
    precision, recall = np.zeros(len(said)), np.zeros(len(said))
    np.maximum.at(precision, image, common / np.array([max(len(ours), 1) for _, ours, _ in pairs]))
    np.maximum.at(recall, image, common / np.array([len(theirs) for _, _, theirs in pairs]))
    below = recall + BETA**2 * precision
    return np.where(below > 0, (1 + BETA**2) * precision * recall / np.where(below > 0, below, 1), 0)


def common_subsequence(
    first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]
) -> Int[np.ndarray, " pairs"]:
    """How many words of each pair of sentences stand in both in the same order.

    Dynamic programming over all pairs at once. Within a row, "the best so far" is a
    running maximum, so that only the words of the first sentences are looped over.
    """
    words = sorted({word for sentence in [*first, *second] for word in sentence})
    number = {word: i for i, word in enumerate(words)}
    a, b = _padded(first, number, -1), _padded(second, number, -2)  # fillers never match
    best = np.zeros((len(a), b.shape[1] + 1), dtype=int)
    for column in a.T:
        extended = best[:, :-1] + (column[:, None] == b)
        best[:, 1:] = np.maximum.accumulate(np.maximum(best[:, 1:], extended), axis=1)
    return best[:, -1]


def _padded(sentences: Sequence[Sequence[str]], number: dict[str, int], filler: int) -> Int[np.ndarray, "n most"]:
    table = np.full((len(sentences), max(map(len, sentences))), filler)
    for row, words in zip(table, sentences, strict=True):
        row[: len(words)] = [number[word] for word in words]
    return table


def cider(
    candidates: Sequence[str], references: Sequence[Sequence[str]], *, max_n: int = 4, sigma: float = SIGMA
) -> Float[np.ndarray, " images"]:
    """CIDEr-D of each image, from 0 to 10; a corpus has their mean, of which papers print 100 times.

    n-grams are weighted by how few images of *this corpus* have them in a reference, so a score means nothing
    without its corpus, and with one image it is 0. Raises: ValueError as `read_corpus`, or for max_n < 1.
    Chapter: 51_evaluation.
    """
    check_at_least("max_n", max_n, 1)
    said, known = read_corpus(candidates, references)
    flat = [words for of_image in known for words in of_image]
    owner = np.repeat(np.arange(len(said)), [len(of_image) for of_image in known])
    tables = count_ngrams([*said, *flat], max_n)
    similar = sum(_weighted_cosine(table, len(said), owner) for table in tables) / max_n
    # the reference program's length is the number of bigrams
    length = np.array([max(len(words) - 1, 0) for words in [*said, *flat]])
    similar = similar * np.exp(-((length[owner] - length[len(said) :]) ** 2) / (2 * sigma**2))
    return 10 * np.bincount(owner, weights=similar, minlength=len(said)) / np.bincount(owner, minlength=len(said))


def _weighted_cosine(
    table: Counts, images: int, owner: Int[np.ndarray, " references"]
) -> Float[np.ndarray, " references"]:
    """The cosine between each reference and its candidate, whose n-grams count at most as often as there."""
    mine = table.sentence < images
    image = owner[table.sentence[~mine] - images]
    shown = np.unique(image * table.grams + table.gram[~mine]) % max(table.grams, 1)
    images_with = np.maximum(np.bincount(shown, minlength=table.grams), 1)
    weight = table.count * (np.log(images) - np.log(images_with))[table.gram]
    norm = np.sqrt(np.bincount(table.sentence, weights=weight**2, minlength=images + len(owner)))
    said = table.sentence[mine] * table.grams + table.gram[mine]
    own = look_up(said, weight[mine], image * table.grams + table.gram[~mine])
    shared = np.minimum(own, weight[~mine]) * weight[~mine]
    product = np.bincount(table.sentence[~mine] - images, weights=shared, minlength=len(owner))
    below = norm[owner] * norm[images:]
    return np.where(below > 0, product / np.where(below > 0, below, 1), 0)
