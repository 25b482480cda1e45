"""How many pairs each mask allows, and the ways to miscount them; `attention_cost` is the checker.

Source: the masks of SimVLM, section 3.1 (arXiv 2108.10904) and Flamingo, section 2.1.3 (arXiv 2204.14198).
Chapter: 03_attention.
"""

from collections.abc import Callable

from vlm_lib.grading.kit import Mistake

MASKS = ("causal", "prefix_lm", "last_image", "all_previous_images")
Pairs = Callable[[int, int, int, list[int]], int]  # of seq, prefix_len, tokens_per_image, phi
RIGHT_PAIRS: dict[str, Pairs] = {
    "causal": lambda seq, prefix, tokens, phi: seq * (seq + 1) // 2,
    "prefix_lm": lambda seq, prefix, tokens, phi: seq * (seq + 1) // 2 + prefix * (prefix - 1) // 2,
    "last_image": lambda seq, prefix, tokens, phi: tokens * sum(last > 0 for last in phi),
    "all_previous_images": lambda seq, prefix, tokens, phi: tokens * sum(phi),
}


def cost_of(pairs: dict[str, Pairs], operations: Callable[..., int] | None = None) -> Callable:
    """An answer that counts `pairs`, and multiply-adds as `operations(pairs, dim, heads)` or else rightly."""

    def run(
        mask: str, phi: list[int], prefix_len: int, tokens_per_image: int, dim: int, heads: int
    ) -> tuple[int, int]:
        count = pairs[mask](len(phi), prefix_len, tokens_per_image, phi)
        return count, operations(count, dim, heads) if operations else 2 * count * dim

    return run


right_cost = cost_of(RIGHT_PAIRS)


def _miscounts(mask: str, pairs: Pairs) -> Callable:
    """An answer that is wrong for one mask only."""
    return cost_of(RIGHT_PAIRS | {mask: pairs})


PAIR_MISTAKES = {
    "causal_strict": Mistake(
        _miscounts("causal", lambda seq, prefix, tokens, phi: seq * (seq - 1) // 2),
        "causal: you count L (L - 1) / 2 pairs. The diagonal is missing: each position sees itself.",
    ),
    "causal_square": Mistake(
        _miscounts("causal", lambda seq, prefix, tokens, phi: seq * seq),
        "causal: you count all L x L pairs; those above the diagonal lie in the future.",
    ),
    "prefix_ignored": Mistake(
        _miscounts("prefix_lm", RIGHT_PAIRS["causal"]),
        "prefix-LM: you count the causal pairs only; inside the prefix, those above the diagonal count as well.",
    ),
    "prefix_twice": Mistake(
        _miscounts("prefix_lm", lambda seq, prefix, tokens, phi: seq * (seq + 1) // 2 + prefix * prefix),
        "prefix-LM: you add the whole square of the prefix to the causal pairs. Half of it is among them already.",
    ),
    "prefix_diagonal": Mistake(
        _miscounts("prefix_lm", lambda seq, prefix, tokens, phi: (seq * (seq + 1) + prefix * (prefix + 1)) // 2),
        "prefix-LM: you count the diagonal of the prefix twice.",
    ),
    "prefix_unseen": Mistake(
        _miscounts(
            "prefix_lm", lambda seq, prefix, tokens, phi: prefix**2 + (seq - prefix) * (seq - prefix + 1) // 2
        ),
        "prefix-LM: you count the prefix and the text apart; the text sees the prefix too.",
    ),
    "prefix_sees_all": Mistake(
        _miscounts(
            "prefix_lm",
            lambda seq, prefix, tokens, phi: prefix * seq + (seq * (seq + 1) - prefix * (prefix + 1)) // 2,
        ),
        "prefix-LM: you let the prefix see the whole sequence; its rows end where it ends.",
    ),
    "last_every_row": Mistake(
        _miscounts("last_image", lambda seq, prefix, tokens, phi: seq * tokens),
        "last image: you count rows with phi = 0 too. Before the first image a position sees nothing.",
    ),
    "last_once": Mistake(
        _miscounts("last_image", lambda seq, prefix, tokens, phi: max(phi) * tokens),
        "last image: you count each image once. Each position that looks at it makes a pair with each token.",
    ),
    "last_is_previous": Mistake(
        _miscounts("last_image", RIGHT_PAIRS["all_previous_images"]),
        "last image: you count all previous images; a position sees the last one only.",
    ),
    "previous_is_last": Mistake(
        _miscounts("all_previous_images", RIGHT_PAIRS["last_image"]),
        "all previous images: you count one image for each position; with phi images before it, it sees phi.",
    ),
    "previous_all": Mistake(
        _miscounts("all_previous_images", lambda seq, prefix, tokens, phi: seq * max(phi) * tokens),
        "all previous images: you count all images for every position; those that come later are not seen.",
    ),
    "previous_clamped": Mistake(
        _miscounts("all_previous_images", lambda seq, prefix, tokens, phi: tokens * sum(max(n, 1) for n in phi)),
        "all previous images: you count an image for rows with phi = 0. Before the first image there is none.",
    ),
}
