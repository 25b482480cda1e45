"""Checkers of the three exercises that stand in the chapter itself: each says in a line what is right or wrong.

Source: Flamingo, sections 2.3 and 2.5, appendix A.3.2 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

from collections.abc import Callable

import torch
from torch import Tensor

# two documents in one row: the second begins at position 3
TAGS = torch.tensor([[0, 1, 0, 0, 1, 1, 0]]).bool()
STARTS = torch.tensor([[1, 0, 0, 1, 0, 0, 0]]).bool()


def packed_phi(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """phi that starts anew at every document: answer(is_image, is_start)."""
    return _compare(
        answer(TAGS, STARTS)[0].tolist(),
        right=[0, 1, 1, 0, 1, 2, 2],
        praise="right: each document counts its own images",
        mistakes={
            (0, 1, 1, 1, 2, 3, 3): "the second document goes on counting where the first one stopped",
            (0, 0, 1, 0, 0, 1, 2): "a tag counts its own image: at a tag, phi is already one higher",
            (0, 1, 0, 0, 1, 1, 0): "only the tags are marked: the words after a tag keep its number",
        },
    )


def next_phi(answer: Callable[[Tensor], Tensor]) -> str:
    """phi of the next image: answer(is_image)."""
    return _compare(
        answer(TAGS)[0].tolist(),
        right=[1, 1, 2, 2, 2, 3, 0],
        praise="right: each word looks at the image that comes next, and the last ones at none",
        mistakes={
            (0, 1, 1, 1, 2, 3, 3): "that is the last image, not the next one",
            (1, 1, 2, 2, 2, 3, 4): "the words after the last image have no next one: their phi is 0",
            (1, 2, 2, 2, 3, 4, 4): "a tag counts its own image, not the one after it",
            (1, 2, 2, 2, 3, 0, 0): "a tag counts its own image, not the one after it",
            (
                1,
                1,
                2,
                2,
                2,
                3,
                3,
            ): "the words after the last image look back; they have no next image, so phi is 0",
        },
    )


def few_shot_prompt(answer: Callable[[list[list[int]], int, int, int], list[int]]) -> str:
    """The ids of a prompt: answer(examples, bos, image, eoc)."""
    return _compare(
        list(answer([[7, 8], [9]], 0, 1, 2)),
        right=[0, 1, 7, 8, 2, 1, 9, 2, 1],
        praise="right: two examples and a query, three tags for three images",
        mistakes={
            (0, 7, 8, 9): "there is no image tag and no end of a caption yet",
            (0, 1, 7, 8, 2, 1, 9, 2): "the query's own image is missing: one tag more than there are examples",
            (0, 1, 7, 8, 1, 9, 1): "nothing says where an example ends: each caption is followed by <eoc>",
            (0, 7, 8, 1, 2, 9, 1, 2, 1): "an image stands before its caption: words look back, not ahead",
            (0, 1, 7, 8, 2, 0, 1, 9, 2, 1): "<bos> stands once, at the beginning of the page",
            (0, 1, 7, 8, 2, 0, 1, 9, 2, 0, 1): "<bos> stands once, at the beginning of the page",
            (1, 7, 8, 2, 1, 9, 2, 1): "a page begins with <bos>",
        },
    )


def _compare(got: list[int], right: list[int], praise: str, mistakes: dict[tuple[int, ...], str]) -> str:
    if got == right:
        return praise
    return mistakes.get(tuple(got), f"expected {right}, got {got}")
