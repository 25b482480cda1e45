"""Checker for what a token can reach: its last image directly, earlier ones through other tokens.

Source: Flamingo, section 2.3 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

import torch

from vlm_lib.grading.kit import Case, Mistake, Task


def _reach(is_image: list[bool], position: int) -> tuple[set[int], set[int]]:
    last = sum(is_image[: position + 1])
    return {last} - {0}, set(range(1, last))


def _text_carries(is_image: list[bool], position: int) -> tuple[set[int], set[int]]:
    last = sum(is_image[: position + 1])
    carried = {sum(is_image[: at + 1]) for at in range(position + 1) if not is_image[at]}
    return {last} - {0}, carried - {0, last}


REACH_MISTAKES = {
    "all_direct": Mistake(
        lambda tags, at: (set(range(1, sum(tags[: at + 1]) + 1)), set()),
        "You let the token cross-attend to all previous images. Directly it sees the last one only.",
    ),
    "nothing_indirect": Mistake(
        lambda tags, at: (_reach(tags, at)[0], set()),
        "You say that earlier images are out of reach. Earlier tokens hold their content: can it see those?",
    ),
    "overlap": Mistake(
        lambda tags, at: (_reach(tags, at)[0], _reach(tags, at)[0] | _reach(tags, at)[1]),
        "Your second set repeats the directly seen image; it should hold those reached only through other tokens.",
    ),
    "future": Mistake(
        lambda tags, at: (_reach(tags, at)[0], set(range(1, sum(tags) + 1)) - _reach(tags, at)[0]),
        "Your second set holds images that come later. Self-attention is causal: no earlier token has seen them.",
    ),
    "from_zero": Mistake(
        lambda tags, at: tuple({image - 1 for image in images} for images in _reach(tags, at)),
        "You number the images from 0; image 1 is the first.",
    ),
    "strictly_before": Mistake(
        lambda tags, at: _reach(tags, at - 1) if at else (set(), set()),
        "You count only images strictly before the position; a tag sees its own image.",
    ),
    "text_carries": Mistake(
        _text_carries,
        "You lose an image whose tag is followed at once by another tag. The tag is a token too: it sees its "
        "image, and later tokens see the tag.",
    ),
    "swapped": Mistake(lambda tags, at: _reach(tags, at)[::-1], "You return the two sets in the wrong order."),
}


def reach_cases(seed: int = 0) -> list[Case]:
    """Sequences with a position each: on a tag, on text, before the first image, after adjacent tags."""
    rng = torch.Generator().manual_seed(seed)
    drawn = (torch.rand(10, generator=rng) < 0.4).tolist()
    fixed = [False, True, True, False, False, True, False]
    return [(fixed, at) for at in (0, 1, 2, 4, 5)] + [
        (drawn, int(at)) for at in torch.randperm(10, generator=rng)[:4]
    ]


check_image_reach = Task(
    name="image reach",
    asks="answer(is_image: list[bool], position) -> (images seen directly, reached only indirectly), two sets",
    right=_reach,
    mistakes=REACH_MISTAKES,
    cases=reach_cases,
    praise="the last image directly, all earlier ones through the tokens that saw them.",
)
