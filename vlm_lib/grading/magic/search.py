"""Checkers for the search around the score: what CLIP is asked, which rows of a cache go on, and what a loop is.

Source: the released code of Su et al. 2022 (arXiv 2205.02655); rep-n of Welleck et al. 2020 (arXiv 1908.04319).
Chapter: 41_magic.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _rows(answer: Callable, *case) -> tuple:
    """What an answer returns, as rows of numbers, each of its own length."""
    return tuple(tuple(int(token) for token in row) for row in answer(*case))


def _inputs(ids: list, prompt: int, candidates: list, end: int) -> list:
    return [ids[prompt:] + ([] if token == end else [token]) for token in candidates]


INPUT_MISTAKES = {
    "with_prompt": Mistake(
        lambda ids, prompt, candidates, end: [
            list(ids) + ([] if token == end else [token]) for token in candidates
        ],
        "CLIP reads the prompt too, which is no description of the picture. It gets what was written.",
    ),
    "end_is_read": Mistake(
        lambda ids, prompt, candidates, end: [ids[prompt:] + [token] for token in candidates],
        "CLIP reads the end mark as a word. A text that ends here is the text so far.",
    ),
    "candidate_alone": Mistake(
        lambda ids, prompt, candidates, end: [[] if token == end else [token] for token in candidates],
        "CLIP gets the candidate alone. It judges the whole text with it.",
    ),
    "empty_end": Mistake(
        lambda ids, prompt, candidates, end: [
            [] if token == end else ids[prompt:] + [token] for token in candidates
        ],
        "The candidate that ends the text gets an empty one. It ends the text so far.",
    ),
    "end_left_out": Mistake(
        lambda ids, prompt, candidates, end: [ids[prompt:] + [token] for token in candidates if token != end],
        "One text for each candidate, also for the one that ends it: ending competes with going on.",
    ),
    "without_candidate": Mistake(
        lambda ids, prompt, candidates, end: [ids[prompt:] for _ in candidates],
        "All texts are the same: the candidate is missing.",
    ),
}


def input_cases(seed: int = 0) -> list[Case]:
    """Prompts of two lengths; one candidate is the end, and not the first."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 50, (7,), generator=rng).tolist()
    candidates = torch.randint(50, 90, (4,), generator=rng).tolist()
    return [(ids, 3, [candidates[0], 2, *candidates[1:]], 2), (ids[:4], 1, [*candidates[:2], 1], 1)]


check_clip_inputs = Task(
    name="what CLIP reads",
    asks="answer(ids: list, prompt: int, candidates: list, end: int) -> list of k lists of token ids",
    right=_inputs,
    placeholder=lambda ids, prompt, candidates, end: [[] for _ in candidates],
    mistakes=INPUT_MISTAKES,
    cases=input_cases,
    use=_rows,
    praise="CLIP judges what would be written, with each candidate, and nothing else.",
)


def _cache_rows(best: Tensor, kept: Tensor, k: int) -> Tensor:
    return kept * k + best[kept]


CACHE_MISTAKES = {
    "all_texts": Mistake(
        lambda best, kept, k: torch.arange(len(best)) * k + best,
        "You keep every text's row. Those that have ended are not read on.",
    ),
    "candidate_only": Mistake(
        lambda best, kept, k: best[kept],
        "That is the candidate's number within its text. Before it stand the rows of the texts above.",
    ),
    "text_only": Mistake(
        lambda best, kept, k: kept * k, "You keep each text's first candidate, the likeliest, not the best."
    ),
    "candidates_first": Mistake(
        lambda best, kept, k: best[kept] * len(best) + kept,
        "Your rows run through the texts first. They run through the k candidates of the first text first.",
    ),
    "renumbered": Mistake(
        lambda best, kept, k: torch.arange(len(kept)) * k + best[kept],
        "You number the texts that go on from 0. In the cache the ended ones still have their rows.",
    ),
    "wrong_best": Mistake(
        lambda best, kept, k: kept * k + best[: len(kept)],
        "You pair the first candidates of the list with texts further down: take `best` at `kept`.",
    ),
}


def cache_cases(seed: int = 0) -> list[Case]:
    """Some texts have ended, the first among them; no two have the same best candidate by rule."""
    rng = torch.Generator().manual_seed(seed)
    best = torch.tensor([2, 0, 3, 1, 2])[torch.randperm(5, generator=rng)]
    return [(best, torch.tensor([1, 2, 4]), 4), (best + 1, torch.tensor([2, 3]), 6)]


check_cache_rows = Task(
    name="which rows of the cache go on",
    asks='answer(best: Int["n"], kept: Int["m"], k: int) -> Int["m"]',
    right=_cache_rows,
    placeholder=lambda best, kept, k: torch.zeros_like(kept),
    mistakes=CACHE_MISTAKES,
    cases=cache_cases,
    praise="each text that goes on keeps the keys and values of its own winner.",
)


def _grams(tokens: list, n: int) -> list:
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def _repeated(tokens: list, n: int) -> float:
    grams = _grams(tokens, n)
    return 1 - len(set(grams)) / len(grams)


REPETITION_MISTAKES = {
    "distinct": Mistake(
        lambda tokens, n: len(set(_grams(tokens, n))) / len(_grams(tokens, n)),
        "That is the share of different n-grams, distinct-n: 1 minus what is asked for.",
    ),
    "over_tokens": Mistake(
        lambda tokens, n: 1 - len(set(_grams(tokens, n))) / len(tokens),
        "You divide by the number of tokens. There are n - 1 fewer n-grams.",
    ),
    "both_count": Mistake(
        lambda tokens, n: (
            sum(_grams(tokens, n).count(gram) > 1 for gram in _grams(tokens, n)) / len(_grams(tokens, n))
        ),
        "You count the first occurrence too. It repeats nothing.",
    ),
    "last_missing": Mistake(
        lambda tokens, n: 1 - len(set(_grams(tokens[:-1], n))) / len(_grams(tokens[:-1], n)),
        "The last n-gram is missing: there are len(tokens) - n + 1.",
    ),
    "blocks": Mistake(
        lambda tokens, n: (
            1
            - len({tuple(tokens[i : i + n]) for i in range(0, len(tokens) - n + 1, n)})
            / len(range(0, len(tokens) - n + 1, n))
        ),
        "You cut the text into blocks. n-grams overlap: one begins at every token.",
    ),
    "single_tokens": Mistake(
        lambda tokens, n: 1 - len(set(tokens)) / len(tokens), "You count single tokens; n of them make one n-gram."
    ),
    "number": Mistake(
        lambda tokens, n: len(_grams(tokens, n)) - len(set(_grams(tokens, n))),
        "That is how many there are. Divide by the number of n-grams.",
    ),
}


def repetition_cases(seed: int = 0) -> list[Case]:
    """A text that repeats four tokens within others, and one in a loop."""
    rng = torch.Generator().manual_seed(seed)
    some = torch.randint(0, 9, (5,), generator=rng).tolist()
    more = torch.randint(10, 99, (3,), generator=rng).tolist()
    return [([*some, *more, *some, 7], 3), ([*more, *more, *more, more[0]], 2)]


check_repetition = Task(
    name="the share of repeated n-grams",
    asks="answer(tokens: list, n: int) -> float",
    right=_repeated,
    placeholder=lambda tokens, n: 0.0,
    mistakes=REPETITION_MISTAKES,
    cases=repetition_cases,
    praise="every n-gram that stood there before counts once, and the first of its kind does not.",
)
