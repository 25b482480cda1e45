"""Checkers for interleaved prompts, and for what freezing saves in memory.

Sources: Tsimpoukelli et al. 2021, section 3 (arXiv 2106.13884); Rajbhandari et al. 2020, section 3.1 (arXiv
1910.02054v3). Chapter: 21_frozen.
"""

from collections.abc import Callable

import numpy as np

from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.training.memory import GRADIENT, OPTIMIZER, WEIGHT

BOS, IMAGE, COLON, STOP = 1, 4, 5, 6


def _listed(answer: Callable, *case) -> tuple:
    """What an answer returns, as a row of numbers of any length."""
    return tuple(answer(*case))


def _prompt(words: list, tokens: int, *, places: int | None = None, bos: bool = True, stop: bool = True) -> list:
    image = [IMAGE] * (tokens if places is None else places)
    ids = [BOS] if bos else []
    for word in words:
        ids += [*image, COLON, word, *([STOP] if stop else [])]
    return [*ids, *image, COLON]


PROMPT_MISTAKES = {
    "one_place": Mistake(
        lambda words, tokens: _prompt(words, tokens, places=1), "An image needs a place for each of its vectors."
    ),
    "no_question": Mistake(
        lambda words, tokens: _prompt(words, tokens)[: -tokens - 1],
        "The new image is missing: the prompt ends with it and a colon, and the LM says the word.",
    ),
    "no_colon": Mistake(lambda words, tokens: _prompt(words, tokens)[:-1], "The last colon is missing."),
    "no_start": Mistake(
        lambda words, tokens: _prompt(words, tokens, bos=False), "A text begins with its start mark."
    ),
    "no_stop": Mistake(lambda words, tokens: _prompt(words, tokens, stop=False), "Examples end with a stop."),
    "images_first": Mistake(
        lambda words, tokens: (
            [BOS, *[IMAGE] * tokens * (len(words) + 1)] + [t for w in words for t in (COLON, w, STOP)] + [COLON]
        ),
        "All images stand first. Each stands before its own word.",
    ),
}


def prompt_cases(seed: int = 0) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(10, 90, size=3).tolist(), 2),
        (rng.integers(10, 90, size=1).tolist(), 4),
        ([], 2),
    ]


check_prompt = Task(
    name="interleaved prompt",
    asks="answer(words: list[int], tokens: int) -> list of ids",
    right=lambda words, tokens: _prompt(words, tokens),
    placeholder=lambda words, tokens: [BOS, *words],
    mistakes=PROMPT_MISTAKES,
    use=_listed,
    cases=prompt_cases,
    praise="pictures and words take turns, and the last picture waits for its word.",
)


def _bytes(trained: int, frozen: int) -> int:
    return WEIGHT * (trained + frozen) + (GRADIENT + OPTIMIZER) * trained


BYTES_MISTAKES = {
    "all_trained": Mistake(
        lambda trained, frozen: _bytes(trained + frozen, 0),
        "Frozen parameters have no gradient and no optimizer state: two bytes each.",
    ),
    "frozen_free": Mistake(
        lambda trained, frozen: _bytes(trained, 0), "Frozen weights are in memory too: the LM has to run."
    ),
    "no_master": Mistake(
        lambda trained, frozen: _bytes(trained, frozen) - 4 * trained,
        "Four bytes per trained parameter are missing: its 32-bit copy, or one of Adam's two running means.",
    ),
    "no_gradient": Mistake(
        lambda trained, frozen: _bytes(trained, frozen) - GRADIENT * trained, "The gradients are missing."
    ),
    "no_means": Mistake(
        lambda trained, frozen: _bytes(trained, frozen) - 8 * trained,
        "Adam's two running means are missing: 32 bits each, for each trained parameter.",
    ),
}


def bytes_cases(seed: int = 0) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [tuple(int(n) for n in rng.integers(1, 10**6, size=2)), (0, 7_000), (5_000, 0)]


check_training_bytes = Task(
    name="bytes of training",
    asks="answer(trained: int, frozen: int) -> int",
    right=_bytes,
    mistakes=BYTES_MISTAKES,
    use=lambda answer, *case: (answer(*case),),
    cases=bytes_cases,
    praise="sixteen bytes for each trained parameter, two for each frozen one.",
)
