"""Checkers for what is put to the language model: the layout of a prompt, similarities, groups of examples.

Source: Yang et al. 2022 (arXiv 2109.05014) and its gpt3_api_okvqa.py. Chapter: 42_pica.
"""

import numpy as np
import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task

HEADER = "Please answer the question according to the above context.\n===\n"
Shots = list[tuple[str, str, str]]


def _example(context: str, question: str, answer: str) -> str:
    return f"Context: {context}\n===\nQ: {question}\nA: {answer}\n\n===\n"


def _layout(shots: Shots, context: str, question: str) -> str:
    return HEADER + "".join(_example(*shot) for shot in shots) + f"Context: {context}\n===\nQ: {question}\nA:"


LAYOUT_MISTAKES = {
    "space": Mistake(
        lambda *case: _layout(*case) + " ",
        'The prompt ends in a space. An answer\'s first token brings its own: end in "A:".',
    ),
    "no_header": Mistake(lambda *case: _layout(*case).removeprefix(HEADER), "The header is missing."),
    "reversed": Mistake(
        lambda shots, context, question: _layout(shots[::-1], context, question),
        "The examples stand in reversed order: the first of the list comes first.",
    ),
    "question_first": Mistake(
        lambda shots, context, question: (
            HEADER
            + f"Context: {context}\n===\nQ: {question}\nA:\n\n===\n"
            + "".join(_example(*shot) for shot in shots)
        ),
        "The question stands before the examples. The model goes on where the prompt ends: it comes last.",
    ),
    "header_each_time": Mistake(
        lambda shots, context, question: (
            "".join(HEADER + _example(*shot) for shot in shots)
            + HEADER
            + f"Context: {context}\n===\nQ: {question}\nA:"
        ),
        "The header stands once, on top, and not before every example.",
    ),
    "no_context": Mistake(
        lambda shots, context, question: _layout(shots, context, question).replace(
            f"Context: {context}\n===\n", ""
        ),
        "Your prompt does not say what is in the picture that is asked about.",
    ),
}


def layout_cases(seed: int = 0) -> list[Case]:
    rng = np.random.default_rng(seed)
    pool = [
        ("lion", "What is it?", "mammal"),
        ("rose", "Where is it found?", "garden"),
        ("taxi", "What is it good for?", "drive"),
        ("violin", "What do people do with it?", "make music"),
    ]
    shots = [pool[i] for i in rng.permutation(4)]
    return [(shots[:3], "a fish. whale, shark", "Where is it?"), (shots[2:], "cat", "What kind of thing is it?")]


check_layout = Task(
    name="the layout of a prompt",
    asks="answer(shots: list of (context, question, answer), context: str, question: str) -> str",
    right=_layout,
    placeholder=lambda shots, context, question: HEADER,
    mistakes=LAYOUT_MISTAKES,
    cases=layout_cases,
    praise="header, examples, the question last, and nothing after A:.",
)


def _similar(q: Tensor, v: Tensor, qs: Tensor, vs: Tensor) -> Tensor:
    return qs @ q + vs @ v


SIMILAR_MISTAKES = {
    "question_only": Mistake(
        lambda q, v, qs, vs: qs @ q, "You compare the questions alone. The pictures count too."
    ),
    "image_only": Mistake(lambda q, v, qs, vs: vs @ v, "You compare the pictures alone. The questions count too."),
    "crossed": Mistake(
        lambda q, v, qs, vs: vs @ q + qs @ v,
        "You compare the question with pictures and the picture with questions. Like is compared with like.",
    ),
    "product": Mistake(
        lambda q, v, qs, vs: (qs @ q) * (vs @ v), "The two similarities are added, not multiplied."
    ),
    "larger": Mistake(
        lambda q, v, qs, vs: torch.maximum(qs @ q, vs @ v),
        "That is the larger of the two similarities: an example that is near in one way alone would be enough.",
    ),
    "joined": Mistake(
        lambda q, v, qs, vs: (qs + vs) @ (q + v),
        "Adding the vectors first also compares questions with pictures. Add the two similarities.",
    ),
}


def _unit(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=rng), dim=-1)


def similar_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(_unit(rng, 6), _unit(rng, 6), _unit(rng, n, 6), _unit(rng, n, 6)) for n in (12, 5)]


check_similar = Task(
    name="the similarity of examples",
    asks='answer(q: Float["dim"], v: Float["dim"], qs: Float["pool dim"], vs: Float["pool dim"]) -> Float["pool"]',
    right=_similar,
    mistakes=SIMILAR_MISTAKES,
    cases=similar_cases,
    praise="question to question, picture to picture, and the sum.",
)


def _ranks(scores: Tensor) -> Tensor:
    return scores.argsort(descending=True)


def _rank_groups(scores: Tensor, n: int, k: int) -> Tensor:
    return _ranks(scores)[: n * k].view(k, n)


RANK_MISTAKES = {
    "dealt": Mistake(
        lambda scores, n, k: _ranks(scores)[: n * k].view(n, k).T,
        "You deal the examples out like cards. The first group gets the n best, the second the next n.",
    ),
    "ascending": Mistake(
        lambda scores, n, k: scores.argsort()[: n * k].view(k, n), "Those are the least similar examples."
    ),
    "same_group": Mistake(
        lambda scores, n, k: _ranks(scores)[:n].repeat(k, 1),
        "All groups are the same. Each prompt gets other examples.",
    ),
    "nearest_last": Mistake(
        lambda scores, n, k: _rank_groups(scores, n, k).flip(1),
        "Within a group the most similar example stands first here.",
    ),
    "overlapping": Mistake(
        lambda scores, n, k: torch.stack([_ranks(scores)[r : r + n] for r in range(k)]),
        "Your groups overlap: group r begins at rank r. It begins at r times n.",
    ),
    "far_first": Mistake(
        lambda scores, n, k: _rank_groups(scores, n, k).flip(0), "The first group has the least similar examples."
    ),
}


def rank_cases(seed: int = 0) -> list[Case]:
    """Scores with no two alike."""
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randperm(size, generator=rng) / size, n, k) for size, n, k in ((20, 4, 3), (9, 3, 2))]


check_rank_groups = Task(
    name="groups by rank",
    asks='answer(scores: Float["pool"], n: int, k: int) -> Int["k n"]: the rows of the pool',
    right=_rank_groups,
    mistakes=RANK_MISTAKES,
    cases=rank_cases,
    praise="ranks rn to rn + n - 1 for group r, the most similar first.",
)
