"""Checkers for a prefix before a caption: its labels, the logits that count, and the places that a mapper keeps.

Source: Mokady et al. 2021 (arXiv 2111.09734), section 3, and the released code. Chapter: 22_clipcap.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task

IGNORED = -100


def _listed(answer: Callable, *case) -> tuple:
    """What an answer returns, as a row of numbers of any length."""
    return tuple(int(value) for value in answer(*case))


def _labels(k: int, ids: list, pad: int) -> list:
    return [IGNORED] * k + [IGNORED if token == pad else token for token in ids]


LABEL_MISTAKES = {
    "no_prefix": Mistake(
        lambda k, ids, pad: _labels(0, ids, pad),
        "Your labels are as long as the caption. The prefix stands in the input too, and needs one label each.",
    ),
    "pad_counts": Mistake(
        lambda k, ids, pad: [IGNORED] * k + list(ids), "Padding counts in the loss; it is to be -100."
    ),
    "pad_on_the_prefix": Mistake(
        lambda k, ids, pad: [pad] * k + _labels(0, ids, pad),
        "The padding's id on the prefix is a word like any other, and would be learned. Use -100.",
    ),
    "shifted": Mistake(
        lambda k, ids, pad: [*_labels(k, ids, pad)[1:], IGNORED],
        "You shifted the labels. The library shifts them itself, so yours are one place too early.",
    ),
    "behind": Mistake(
        lambda k, ids, pad: [*_labels(0, ids, pad), *[IGNORED] * k],
        "The prefix stands before the caption, not behind it.",
    ),
}


def label_cases(seed: int = 0) -> list[Case]:
    """A padded caption, one without padding, a longer prefix."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, 60, size=6).tolist()
    return [(2, [*ids[:3], 2, 0, 0], 0), (1, [*ids, 2], 0), (4, [*ids[:2], 2, 1], 1)]


check_labels = Task(
    name="labels",
    asks="answer(k: int, ids: list, pad: int) -> list of k + len(ids) labels",
    right=_labels,
    placeholder=lambda k, ids, pad: list(ids),
    use=_listed,
    mistakes=LABEL_MISTAKES,
    cases=label_cases,
    praise="nothing is asked of the prefix or of padding; every word and the end count.",
)


def _caption_logits(logits: Tensor, k: int) -> Tensor:
    return logits[:, k - 1 : -1]


LOGIT_MISTAKES = {
    "copying": Mistake(
        lambda logits, k: logits[:, k:],
        "You start one place late: there the word has just been read, and the model learns to copy it.",
    ),
    "one_too_many": Mistake(
        lambda logits, k: logits[:, k - 1 :],
        "One too many: what is predicted after the last token has no target.",
    ),
    "first_places": Mistake(
        lambda logits, k: logits[:, : logits.shape[1] - k],
        "You keep the first places: most are inside the prefix.",
    ),
    "all": Mistake(lambda logits, k: logits[:, :-1], "Predictions inside the prefix do not count."),
    "too_early": Mistake(
        lambda logits, k: logits[:, k - 2 : -2],
        "You start one place early: the prefix has not been read to its end.",
    ),
}


def logit_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(2, 7, 5, generator=rng), 3), (torch.randn(1, 6, 4, generator=rng), 2)]


check_caption_logits = Task(
    name="the logits that count",
    asks='answer(logits: Float["n length vocab"], k: int) -> Float["n length-k vocab"]',
    right=_caption_logits,
    mistakes=LOGIT_MISTAKES,
    cases=logit_cases,
    praise="the last prefix vector predicts the first word.",
)


def mix(x: Tensor) -> Tensor:
    """A stand-in for the mapper's layers: every token becomes itself plus a sum weighted by places."""
    weights = torch.linspace(1.0, 2.0, x.shape[1])[:, None]
    return x + (weights * x).sum(dim=1, keepdim=True).tanh()


def _mapped(image: Tensor, constants: Tensor) -> Tensor:
    x = torch.cat([image, constants.expand(len(image), -1, -1)], dim=1)
    return mix(x)[:, image.shape[1] :]


MAPPER_MISTAKES = {
    "image_places": Mistake(
        lambda image, constants: mix(torch.cat([image, constants.expand(len(image), -1, -1)], 1))[
            :, : len(constants)
        ],
        "You keep the first places: those are the image's. The constants' places become the prefix.",
    ),
    "all_places": Mistake(
        lambda image, constants: mix(torch.cat([image, constants.expand(len(image), -1, -1)], 1)),
        "You keep all places; the prefix has as many vectors as there are constants.",
    ),
    "constants_alone": Mistake(
        lambda image, constants: mix(constants.expand(len(image), -1, -1)),
        "The image does not enter: every picture would have the same prefix.",
    ),
    "added": Mistake(
        lambda image, constants: mix(constants + image.mean(dim=1, keepdim=True)),
        "You add the image to the constants. They stand side by side, and the layers mix them.",
    ),
    "constants_first": Mistake(
        lambda image, constants: mix(torch.cat([constants.expand(len(image), -1, -1), image], 1))[
            :, : len(constants)
        ],
        "As released, the image stands first and the constants behind it.",
    ),
}


def mapper_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [
        (0.3 * torch.randn(3, 4, 5, generator=rng), 0.3 * torch.randn(2, 5, generator=rng)),
        (0.3 * torch.randn(1, 2, 6, generator=rng), 0.3 * torch.randn(3, 6, generator=rng)),
    ]


check_mapper_input = Task(
    name="what the mapper keeps",
    asks='answer(image: Float["n c d"], constants: Float["k d"]) -> Float["n k d"]',
    right=_mapped,
    placeholder=lambda image, constants: constants.expand(len(image), -1, -1),
    mistakes=MAPPER_MISTAKES,
    cases=mapper_cases,
    praise="image and constants go in side by side, the constants' places come out.",
)
