"""How varied texts are: among each other, and each within itself. Chapter: 41_magic."""

from __future__ import annotations

from collections.abc import Sequence

from vlm_lib.checks import check_at_least


def different(texts: Sequence[str]) -> float:
    """How many different texts there are, over all: 1 where no two are alike. Raises: ValueError for no texts."""
    if not texts:
        raise ValueError("texts: got none, expected at least one")
    return len(set(texts)) / len(texts)


def repeated(text: Sequence[int] | Sequence[str], n: int = 4) -> float:
    """The share of a text's n-grams that stood in it before: 0 without repetition, near 1 in a loop.

    Source: rep-n of Welleck et al. 2020 (arXiv 1908.04319), as a share of one text. 0 for a text of fewer than n
    tokens. Raises: ValueError for n < 1.
    """
    n = check_at_least("n", n, 1)
    grams = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
