"""Checkers for asking a language model in batches: choosing from a closed list, and prompts of unequal length.

Chapter: 43_socratic_models.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _closed(logits: Tensor, lengths: Tensor, answers: Tensor) -> Tensor:
    return logits[torch.arange(len(logits)), lengths - 1][:, answers].argmax(dim=1)


CLOSED_MISTAKES = {
    "last_column": Mistake(
        lambda logits, lengths, answers: logits[:, -1][:, answers].argmax(dim=1),
        "You read the last column, which is padding for shorter prompts.",
    ),
    "one_too_late": Mistake(
        lambda logits, lengths, answers: logits[torch.arange(len(logits)), lengths.clamp(max=logits.shape[1] - 1)][
            :, answers
        ].argmax(dim=1),
        "You read the position behind the prompt. Its last token, at length - 1, predicts the answer.",
    ),
    "first": Mistake(
        lambda logits, lengths, answers: logits[:, 0][:, answers].argmax(dim=1),
        "You read the first position, which has seen one token.",
    ),
    "open": Mistake(
        lambda logits, lengths, answers: logits[torch.arange(len(logits)), lengths - 1].argmax(dim=1),
        "That is the likeliest token of all. Choose among the answers, and return the number in their list.",
    ),
    "token_id": Mistake(
        lambda logits, lengths, answers: answers[_closed(logits, lengths, answers)],
        "You return the answer's token. Return its number in the list.",
    ),
    "unlikeliest": Mistake(
        lambda logits, lengths, answers: logits[torch.arange(len(logits)), lengths - 1][:, answers].argmin(dim=1),
        "That is the unlikeliest answer.",
    ),
}


def closed_cases(seed: int = 0) -> list[Case]:
    """At every position another answer is the likeliest, and a token that is no answer is likelier still."""
    rng = torch.Generator().manual_seed(seed)
    answers = torch.tensor([7, 2, 5, 9])
    cases = []
    for lengths in ([3, 5, 4], [2, 2, 4]):
        logits = torch.randn(3, 5, 11, generator=rng)
        for prompt in range(3):
            order = torch.stack([torch.randperm(4, generator=rng) for _ in range(5)])
            order[lengths[prompt] - 1, 0] = prompt
            for position in range(5):
                best = prompt if position == lengths[prompt] - 1 else (prompt + 1 + position % 3) % 4
                logits[prompt, position, answers[best]] = 6
                logits[prompt, position, answers[(best + 2) % 4]] = -6
            logits[prompt, :, (3, 8, 10)[prompt]] = 9
        cases.append((logits, torch.tensor(lengths), answers))
    return cases


check_closed_answer = Task(
    name="closed list",
    asks='answer(logits [n seq vocab], lengths: Int["n"], answers: Int["k"]) -> Int["n"]: numbers in the list',
    right=_closed,
    placeholder=lambda logits, lengths, answers: torch.zeros(len(logits), dtype=torch.long),
    mistakes=CLOSED_MISTAKES,
    cases=closed_cases,
    praise="the prompt's last token decides, among the answers.",
)


def _padded(rows: list[list[int]], pad_id: int, *, left: bool = True, by_id: bool = False) -> tuple:
    width = max(map(len, rows))
    pads = [[pad_id] * (width - len(row)) for row in rows]
    ids = torch.tensor([p + r if left else r + p for p, r in zip(pads, rows, strict=True)])
    ones = [
        [0] * len(p) + [1] * len(r) if left else [1] * len(r) + [0] * len(p)
        for p, r in zip(pads, rows, strict=True)
    ]
    mask = (ids != pad_id).long() if by_id else torch.tensor(ones)
    return ids, mask, (mask.cumsum(dim=1) - 1).clamp(min=0)


def _left(rows: list[list[int]], pad_id: int) -> Tensor:
    return torch.stack(_padded(rows, pad_id))


def _other(change, **options):
    return lambda rows, pad_id: torch.stack(change(*_padded(rows, pad_id, **options)))


PADDED_MISTAKES = {
    "right": Mistake(
        _other(lambda ids, mask, at: (ids, mask, at), left=False),
        "The padding stands on the right, so the model would go on writing behind it. Put it on the left.",
    ),
    "columns": Mistake(
        _other(lambda ids, mask, at: (ids, mask, torch.arange(ids.shape[1]).expand_as(ids))),
        "The positions count columns. The first real token of every prompt stands at position 0.",
    ),
    "from_one": Mistake(
        _other(lambda ids, mask, at: (ids, mask, mask.cumsum(dim=1))),
        "The positions start at 1. The first real token stands at 0.",
    ),
    "all_seen": Mistake(
        _other(lambda ids, mask, at: (ids, torch.ones_like(mask), at)),
        "The mask shows the padding to the model.",
    ),
    "by_id": Mistake(
        _other(lambda ids, mask, at: (ids, mask, at), by_id=True),
        "You call padding whatever has the id of padding. A prompt may hold that token itself.",
    ),
    "inverted": Mistake(
        _other(lambda ids, mask, at: (ids, 1 - mask, at)), "The mask is inverted: 1 is a real token."
    ),
}


def padded_cases(seed: int = 0) -> list[Case]:
    """Prompts of three lengths; one begins with the token that also pads."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda n: (1 + torch.randperm(20, generator=rng)[:n]).tolist()  # noqa: E731
    return [([draw(2), [3, *draw(4)], draw(3)], 3), ([[0, *draw(1)], draw(4)], 0)]


check_left_padded = Task(
    name="left padding",
    asks="answer(rows: list[list[int]], pad_id: int) -> Int[3 n width]: ids, mask (1 = real), positions (pads: 0)",
    right=_left,
    placeholder=lambda rows, pad_id: torch.zeros(3, len(rows), max(map(len, rows)), dtype=torch.long),
    mistakes=PADDED_MISTAKES,
    cases=padded_cases,
    praise="every prompt ends in the last column and starts at position 0.",
)
