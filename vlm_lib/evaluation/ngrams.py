"""Words and n-grams of captions as arrays: what BLEU and CIDEr count. Chapter: 51_evaluation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

WORD = re.compile(r"""[^\s.,!?;:"()]+""")


@dataclass(frozen=True)
class Counts:
    """How often each n-gram stands in each sentence, in the order of sentence, then n-gram.

    `grams` is how many different n-grams there are in all sentences together.
    """

    sentence: Int[np.ndarray, " entries"]
    gram: Int[np.ndarray, " entries"]
    count: Int[np.ndarray, " entries"]
    grams: int


def tokenize(text: str) -> str:
    """Lower case, without punctuation, words apart by one space: the form that the metrics compare.

    It stands in for the PTB tokenizer that captions are usually put through, a Java program, which in addition
    takes contractions apart ("isn't" becomes "is n't").
    """
    return " ".join(WORD.findall(text.lower()))


def read_corpus(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """The words of one candidate and one or more references per image; words are what stands between spaces.

    Raises: ValueError for a bare string in place of a list, unequal lengths, no image, an image without a
    reference, or a reference without a word. A candidate may be empty: a model may say nothing.
    """
    if isinstance(candidates, str) or len(candidates) == 0:
        raise ValueError(f"candidates: got {candidates!r}, expected a list of captions, one per image")
    if len(references) != len(candidates):
        raise ValueError(f"references: got {len(references)} lists for {len(candidates)} candidates")
    for image, of_image in enumerate(references):
        if isinstance(of_image, str) or len(of_image) == 0 or not all(text.split() for text in of_image):
            raise ValueError(
                f"references: image {image} has {of_image!r}, expected a list of captions that are not empty"
            )
    return [text.split() for text in candidates], [[text.split() for text in of_image] for of_image in references]


def count_ngrams(sentences: Sequence[Sequence[str]], max_n: int) -> list[Counts]:
    """The n-grams of all sentences, for n = 1 .. max_n. No loop over sentences or words.

    An n-gram's number is made from that of the (n-1)-gram at its place and the next word.
    """
    lengths = np.array([len(sentence) for sentence in sentences])
    flat = [word for sentence in sentences for word in sentence]
    word = np.unique(np.array(flat, dtype=str), return_inverse=True)[1]
    owner = np.repeat(np.arange(len(sentences)), lengths)
    end = np.repeat(np.cumsum(lengths), lengths)  # of the sentence that a word belongs to
    start, gram, words = np.arange(len(flat)), word, int(word.max(initial=-1)) + 1
    tables = []
    for n in range(1, max_n + 1):
        if n > 1:
            fits = start + n <= end[start]
            start = start[fits]
            longer = gram[fits] * words + word[start + n - 1]
            gram = np.unique(longer, return_inverse=True)[1]
        grams = int(gram.max(initial=-1)) + 1
        key, count = np.unique(owner[start] * max(grams, 1) + gram, return_counts=True)
        tables.append(Counts(key // max(grams, 1), key % max(grams, 1), count, grams))
    return tables


def look_up(keys: Int[np.ndarray, " n"], values: np.ndarray, wanted: Int[np.ndarray, " m"]) -> np.ndarray:
    """The value under each wanted key, 0 where there is none; `keys` are sorted."""
    if len(keys) == 0:
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
