"""Checkers for the three terms of MAGiC's score and their sum.

Source: Su et al. 2022 (arXiv 2205.02655) and its released code. Chapter: 41_magic.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _clip_term(cosine: Tensor, scale: float) -> Tensor:
    return (scale * cosine).softmax(dim=-1)


CLIP_MISTAKES = {
    "no_scale": Mistake(
        lambda cosine, scale: cosine.softmax(dim=-1),
        "The cosine goes into the softmax without its scale, as the printed formula has it.",
    ),
    "temperature": Mistake(
        lambda cosine, scale: (cosine / scale).softmax(dim=-1),
        "You divide by the scale. It is 1 / temperature: multiply.",
    ),
    "scaled_after": Mistake(
        lambda cosine, scale: scale * cosine.softmax(dim=-1),
        "You multiply behind the softmax, where the scale is another beta. It belongs before it.",
    ),
    "over_images": Mistake(
        lambda cosine, scale: (scale * cosine).softmax(dim=0),
        "Your softmax runs over the images. Each image weighs its own k candidates.",
    ),
    "sigmoid": Mistake(
        lambda cosine, scale: (scale * cosine).sigmoid(),
        "A sigmoid judges each candidate by itself. The term is a softmax, whose values sum to 1.",
    ),
    "logarithm": Mistake(
        lambda cosine, scale: (scale * cosine).log_softmax(dim=-1), "Those are logarithms of the term."
    ),
}


def clip_cases(seed: int = 0) -> list[Case]:
    """As many images as candidates in one case, so that a softmax over the wrong axis has the right shape."""
    rng = torch.Generator().manual_seed(seed)
    return [(0.3 * torch.randn(4, 4, generator=rng), 10.0), (0.3 * torch.randn(2, 6, generator=rng), 3.0)]


check_clip_term = Task(
    name="CLIP's term",
    asks='answer(cosine: Float["images k"], scale: float) -> Float["images k"]',
    right=_clip_term,
    mistakes=CLIP_MISTAKES,
    cases=clip_cases,
    praise="each image distributes 1 among its k candidates, the more unevenly the larger the scale.",
)


def _penalty(candidates: Tensor, context: Tensor) -> Tensor:
    return (F.normalize(candidates, dim=-1) @ F.normalize(context, dim=-1).T).amax(dim=-1)


PENALTY_MISTAKES = {
    "product": Mistake(
        lambda candidates, context: (candidates @ context.T).amax(dim=-1),
        "That is the greatest product. Bring both states to length 1 first: the penalty is a cosine.",
    ),
    "mean": Mistake(
        lambda candidates, context: (F.normalize(candidates, dim=-1) @ F.normalize(context, dim=-1).T).mean(
            dim=-1
        ),
        "You average over the text. One place that is nearly the same is enough to be a repetition.",
    ),
    "last_only": Mistake(
        lambda candidates, context: _penalty(candidates, context[-1:]),
        "You compare with the last state alone. All of the text so far counts.",
    ),
    "with_itself": Mistake(
        lambda candidates, context: torch.ones(len(candidates)),
        "Every candidate gets 1: its own state stands among those it is compared with.",
    ),
    "distance": Mistake(
        lambda candidates, context: 1 - _penalty(candidates, context),
        "That is large where a candidate is new. The penalty is large where it is not.",
    ),
    "absolute": Mistake(
        lambda candidates, context: (
            (F.normalize(candidates, dim=-1) @ F.normalize(context, dim=-1).T).abs().amax(dim=-1)
        ),
        "A state that points the other way is no repetition: leave the sign.",
    ),
    "each_place": Mistake(
        lambda candidates, context: (F.normalize(candidates, dim=-1) @ F.normalize(context, dim=-1).T).amax(dim=0),
        "You have a number for each place of the text. Asked for is one for each candidate.",
    ),
}


def penalty_cases(seed: int = 0) -> list[Case]:
    """States of very different lengths, some of which point away from all of the text."""
    rng = torch.Generator().manual_seed(seed)
    context = torch.randn(5, 4, generator=rng) * torch.linspace(0.3, 3, 5)[:, None]
    candidates = torch.cat([torch.randn(4, 4, generator=rng), -2 * context[:1]])
    return [(candidates, context), (torch.randn(3, 6, generator=rng), torch.randn(3, 6, generator=rng))]


check_penalty = Task(
    name="the penalty on repetition",
    asks='answer(candidates: Float["k dim"], context: Float["t dim"]) -> Float["k"]',
    right=_penalty,
    mistakes=PENALTY_MISTAKES,
    cases=penalty_cases,
    praise="each candidate is as bad as its most similar place in the text.",
)


def _score(p: Tensor, penalty: Tensor, f: Tensor, alpha: float, beta: float) -> Tensor:
    return (1 - alpha) * p - alpha * penalty + beta * f


SCORE_MISTAKES = {
    "unweighted": Mistake(
        lambda p, penalty, f, alpha, beta: p - alpha * penalty + beta * f,
        "Confidence keeps its whole weight. What alpha gives to the penalty it takes from p.",
    ),
    "rewarded": Mistake(
        lambda p, penalty, f, alpha, beta: (1 - alpha) * p + alpha * penalty + beta * f,
        "Repetition is added. It is a penalty: take it off.",
    ),
    "mixed": Mistake(
        lambda p, penalty, f, alpha, beta: (1 - beta) * ((1 - alpha) * p - alpha * penalty) + beta * f,
        "Beta does not take anything from the rest; it may be greater than 1.",
    ),
    "exchanged": Mistake(
        lambda p, penalty, f, alpha, beta: alpha * p - (1 - alpha) * penalty + beta * f,
        "Alpha weighs the penalty, 1 - alpha the confidence.",
    ),
    "no_clip": Mistake(
        lambda p, penalty, f, alpha, beta: (1 - alpha) * p - alpha * penalty,
        "That is contrastive search: the picture has no say.",
    ),
    "logarithm": Mistake(
        lambda p, penalty, f, alpha, beta: (1 - alpha) * p.log() - alpha * penalty + beta * f,
        "The formula has the probability, not its logarithm.",
    ),
}


def score_cases(seed: int = 0) -> list[Case]:
    """A weight of CLIP below 1 and one above."""
    rng = torch.Generator().manual_seed(seed)
    p, penalty = (0.05 + 0.9 * torch.rand(2, 5, generator=rng)).unbind()
    f = torch.randn(5, generator=rng).softmax(dim=0)
    return [(p, penalty, f, 0.1, 2.0), (p, penalty, f, 0.6, 0.15)]


check_magic_score = Task(
    name="MAGiC's score",
    asks='answer(p: Float["k"], penalty: Float["k"], f: Float["k"], alpha, beta) -> Float["k"]',
    right=_score,
    mistakes=SCORE_MISTAKES,
    cases=score_cases,
    praise="confidence, minus repetition, plus the picture.",
)
