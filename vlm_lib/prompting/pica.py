"""PICa: a picture becomes words, and a language model answers about the words, after examples that were chosen.

Source: Yang et al. 2022 (arXiv 2109.05014); what the text leaves open, from the authors' gpt3_api_okvqa.py (commit
61d342c). Chapter: 42_pica.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import check_at_least, check_one_of, require_finite, require_shape

HEADER = "Please answer the question according to the above context.\n===\n"
RULES = ("sum", "mean", "average")


@dataclass(frozen=True)
class Shot:
    """An example in a prompt: what is seen, in words, and a question with its answer."""

    context: str
    question: str
    answer: str


def prompt(shots: Sequence[Shot], context: str, question: str) -> str:
    """The authors' layout: a header, the examples, and the question with nothing after "A:"."""
    examples = "".join(f"Context: {s.context}\n===\nQ: {s.question}\nA: {s.answer}\n\n===\n" for s in shots)
    return f"{HEADER}{examples}Context: {context}\n===\nQ: {question}\nA:"


def similarity(
    question: Float[Tensor, dim],
    image: Float[Tensor, dim],
    questions: Float[Tensor, "pool dim"],
    images: Float[Tensor, "pool dim"],
    by: str = "both",
) -> Float[Tensor, pool]:
    """How well each example of the pool fits: question to question, image to image, or the sum of the two.

    All are unit vectors of an image-text model. Raises: ValueError for other shapes, or `by` of another kind.
    """
    check_one_of("by", by, ("question", "image", "both"))
    dim = question.shape[-1]
    require_shape("questions", questions, pool=None, dim=dim)
    require_shape("images", images, pool=len(questions), dim=dim)
    parts = {"question": questions @ question, "image": images @ image}
    return parts["question"] + parts["image"] if by == "both" else parts[by]


def groups(scores: Float[Tensor, pool], shots: int, k: int = 1) -> Int[Tensor, "k shots"]:
    """The rows of k prompts' examples: the first prompt gets the best `shots`, the most similar first, and so on.

    Equal scores: the earlier row first. Raises: ValueError if the pool is too small or scores are not finite.
    """
    require_finite("scores", scores)
    count = check_at_least("shots", shots, 1) * check_at_least("k", k, 1)
    if count > len(scores):
        raise ValueError(
            f"shots, k: got {shots} times {k}, expected at most the {len(scores)} examples of the pool"
        )
    return scores.argsort(descending=True, stable=True)[:count].view(k, shots)


def ensemble(log_probs: Float[Tensor, "k answers"], lengths: Int[Tensor, answers], rule: str = "sum") -> int:
    """The number of the answer that k prompts settle on.

    log_probs: for each prompt, the sum over an answer's tokens; lengths: how many tokens each answer has. rule:
    "sum" keeps the one answer with the greatest sum in any prompt, as PICa; "mean" the same with sums divided by
    length; "average" takes the answer whose mean over the prompts is greatest. Raises: ValueError for another rule
    or shape, or a length < 1.
    """
    check_one_of("rule", rule, RULES)
    require_shape("log_probs", log_probs, k=None, answers=len(lengths))
    if (lengths < 1).any():
        raise ValueError(f"lengths: got {lengths.tolist()}, expected at least one token for each answer")
    if rule == "average":
        return int(log_probs.mean(dim=0).argmax())
    values = log_probs / lengths if rule == "mean" else log_probs
    return int(values.max(dim=0).values.argmax())


def vote(answers: Sequence[str], among: Sequence[str]) -> str | None:
    """The commonest of the examples' answers, nothing else read: what a language model has to beat.

    Answers that are not `among` those of the question don't count; the earlier, more similar one wins a tie.
    None if no answer counts.
    """
    counts = Counter(answer for answer in answers if answer in among)
    return counts.most_common(1)[0][0] if counts else None


def random_groups(pool: int, shots: int, rng: np.random.Generator) -> Int[Tensor, "1 shots"]:
    """One prompt's examples at random, none twice. Raises: ValueError if the pool is too small."""
    if check_at_least("shots", shots, 1) > pool:
        raise ValueError(f"shots: got {shots}, expected at most the {pool} examples of the pool")
    return torch.from_numpy(rng.permutation(pool)[:shots])[None]
