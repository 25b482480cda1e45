"""Checkers for what comes out: nearest words, a grid of tokens cut to a quarter, one step of a beam search.

Chapter: 22_clipcap.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task, no_loop


def _nearest(vectors: Tensor, table: Tensor) -> Tensor:
    return (F.normalize(vectors, dim=-1) @ F.normalize(table, dim=-1).T).argmax(dim=-1)


NEAREST_MISTAKES = {
    "product": Mistake(
        lambda vectors, table: (vectors @ table.T).argmax(dim=-1),
        "The product prefers words with long embeddings. Bring them to length 1.",
    ),
    "distance": Mistake(
        lambda vectors, table: (vectors[..., None, :] - table).square().sum(-1).argmin(dim=-1),
        "That is the smallest distance, which prefers words as long as the vector. Asked for is the cosine.",
    ),
    "farthest": Mistake(
        lambda vectors, table: (F.normalize(vectors, dim=-1) @ F.normalize(table, dim=-1).T).argmin(dim=-1),
        "That is the word that points the other way.",
    ),
    "from_one": Mistake(
        lambda vectors, table: _nearest(vectors, table) + 1, "You count words from 1; the first row has number 0."
    ),
    "embedding": Mistake(
        lambda vectors, table: table[_nearest(vectors, table)],
        "You return the word's embedding; asked for is its number.",
    ),
}


def nearest_cases(seed: int = 0) -> list[Case]:
    """Words of very different lengths."""
    rng = torch.Generator().manual_seed(seed)
    table = torch.randn(12, 4, generator=rng) * torch.linspace(0.2, 4, 12)[:, None]
    return [(torch.randn(30, 4, generator=rng), table), (torch.randn(2, 9, 4, generator=rng), table)]


check_nearest_word = Task(
    name="nearest word",
    asks='answer(vectors: Float["*batch d"], table: Float["vocab d"]) -> Int["*batch"]',
    right=_nearest,
    mistakes=NEAREST_MISTAKES,
    cases=nearest_cases,
    praise="each vector gets the word that points the same way, however long either is.",
    demands=(no_loop(lambda seq: (torch.ones(seq, 3), torch.ones(4, 3))),),
)


def _halve(tokens: Tensor, side: int) -> Tensor:
    grid = tokens.unflatten(1, (side // 2, 2, side // 2, 2))
    return grid.mean(dim=(2, 4)).flatten(1, 2)


HALVE_MISTAKES = {
    "runs_of_four": Mistake(
        lambda tokens, side: tokens.unflatten(1, (-1, 4)).mean(dim=2),
        "You take the mean of four tokens in a row. A square of the grid has two tokens of each of two rows.",
    ),
    "largest": Mistake(
        lambda tokens, side: tokens.unflatten(1, (side // 2, 2, side // 2, 2)).amax(dim=(2, 4)).flatten(1, 2),
        "That is the largest of each square; asked for is the mean.",
    ),
    "sum": Mistake(lambda tokens, side: 4 * _halve(tokens, side), "That is the sum of each square, not the mean."),
    "first_only": Mistake(
        lambda tokens, side: tokens.unflatten(1, (side // 2, 2, side // 2, 2))[:, :, 0, :, 0].flatten(1, 2),
        "You keep one token of each square and drop three.",
    ),
    "columns_first": Mistake(
        lambda tokens, side: (
            tokens.unflatten(1, (side // 2, 2, side // 2, 2)).mean(dim=(2, 4)).transpose(1, 2).flatten(1, 2)
        ),
        "The squares are right, their order is not: row by row.",
    ),
}


def halve_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(2, 16, 3, generator=rng), 4), (torch.randn(1, 36, 2, generator=rng), 6)]


check_halve_grid = Task(
    name="a quarter of the tokens",
    asks='answer(tokens: Float["n side*side d"], side: int) -> Float["n side*side/4 d"]',
    right=_halve,
    placeholder=lambda tokens, side: tokens[:, : side * side // 4],
    mistakes=HALVE_MISTAKES,
    cases=halve_cases,
    praise="each token is now the mean of a 2 by 2 square, row by row.",
)


def _step(scores: Tensor, steps: Tensor, beams: int) -> Tensor:
    total = scores[:, None] + steps
    best = total.flatten().topk(beams).indices
    return torch.stack([best // steps.shape[1], best % steps.shape[1]], dim=1)


def _pairs(flat: Tensor, width: int) -> Tensor:
    return torch.stack([flat // width, flat % width], dim=1)


STEP_MISTAKES = {
    "forgets_the_past": Mistake(
        lambda scores, steps, beams: _pairs(steps.flatten().topk(beams).indices, steps.shape[1]),
        "You rank the next token alone. What the text has cost so far belongs to its score.",
    ),
    "wrong_divisor": Mistake(
        lambda scores, steps, beams: _pairs((scores[:, None] + steps).flatten().topk(beams).indices, len(scores)),
        "Flat numbers run through the vocabulary first: divide by its size, not by the number of texts.",
    ),
    "one_per_text": Mistake(
        lambda scores, steps, beams: torch.stack([torch.arange(len(scores)), steps.argmax(dim=1)], dim=1)[:beams],
        "You continue every text by its best token: that is greedy decoding, several times.",
    ),
    "exchanged": Mistake(
        lambda scores, steps, beams: _step(scores, steps, beams).flip(1),
        "First the number of the text, then the token.",
    ),
    "worst": Mistake(
        lambda scores, steps, beams: _pairs(
            (scores[:, None] + steps).flatten().topk(beams, largest=False).indices, steps.shape[1]
        ),
        "Those are the least likely.",
    ),
}


def step_cases(seed: int = 0) -> list[Case]:
    """Texts of which one is far ahead, so that it has more than one continuation among the best."""
    rng = torch.Generator().manual_seed(seed)
    steps = (2 * torch.randn(3, 6, generator=rng)).log_softmax(dim=1)
    more = (2 * torch.randn(4, 5, generator=rng)).log_softmax(dim=1)
    return [(torch.tensor([-1.0, -6.0, -2.5]), steps, 3), (torch.tensor([-5.0, -4.0, -0.5, -4.5]), more, 4)]


check_beam_step = Task(
    name="one step of a beam search",
    asks='answer(scores: Float["b"], steps: Float["b vocab"], beams) -> Int["beams 2"]: (text, token), best first',
    right=_step,
    mistakes=STEP_MISTAKES,
    cases=step_cases,
    praise="the best continuations over all texts, by the whole text's score.",
)
