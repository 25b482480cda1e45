"""Checkers for a captioner of frozen models: sampling, re-ranking, what that can reach, and how it is judged.

Source: Zeng et al. 2022, section 4.1 (arXiv 2204.00598). Chapter: 43_socratic_models.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _best(image: Tensor, texts: Tensor, says_something: Tensor) -> Tensor:
    cosines = F.cosine_similarity(texts, image[None], dim=1)
    return cosines.masked_fill(~says_something, -2).argmax()


BEST_MISTAKES = {
    "product": Mistake(
        lambda image, texts, says_something: (texts @ image).masked_fill(~says_something, -1e9).argmax(),
        "You compare by the inner product, so a long vector wins. Take the cosine.",
    ),
    "empty_too": Mistake(
        lambda image, texts, says_something: F.cosine_similarity(texts, image[None], dim=1).argmax(),
        "An empty candidate can win. Only those that say something may.",
    ),
    "worst": Mistake(
        lambda image, texts, says_something: (
            F.cosine_similarity(texts, image[None], dim=1).masked_fill(~says_something, 2).argmin()
        ),
        "That is the candidate that fits worst.",
    ),
    "among_the_rest": Mistake(
        lambda image, texts, says_something: F.cosine_similarity(
            texts[says_something], image[None], dim=1
        ).argmax(),
        "Your number counts the candidates that say something. It is to count all of them.",
    ),
    "zero_for_empty": Mistake(
        lambda image, texts, says_something: (
            F.cosine_similarity(texts, image[None], dim=1) * says_something
        ).argmax(),
        "You multiply the cosine of an empty candidate by 0, and 0 is more than a negative cosine.",
    ),
    "first": Mistake(
        lambda image, texts, says_something: says_something.long().argmax(),
        "That is the first candidate: one sample, not re-ranked.",
    ),
}


def best_cases(seed: int = 0) -> list[Case]:
    """A long wrong vector, an empty candidate that fits best; in the second case all cosines are negative."""
    rng = torch.Generator().manual_seed(seed)
    image = torch.tensor([1.0, 0.2, 0.1]) + 0.05 * torch.randn(3, generator=rng)
    noise = lambda n: 0.02 * torch.randn(n, 3, generator=rng)  # noqa: E731
    texts = torch.tensor([[1.0, 0.2, 0.1], [0.3, 2.0, 0.0], [9.0, 9.0, 9.0], [2.0, 0.9, 0.3], [-1.0, 0.3, 0.0]])
    away = torch.tensor([[-1.0, 0.0, 0.1], [-0.9, -0.6, 0.2], [0.0, 0.0, 0.0], [-0.2, -0.3, -0.1], [-0.3, 0.4, 0]])
    return [
        (image, texts + noise(5), torch.tensor([False, True, True, True, True])),
        (image, away * torch.tensor([[1.0], [1], [1], [9], [1]]), torch.tensor([True, True, False, True, True])),
    ]


check_best_candidate = Task(
    name="best candidate",
    asks='answer(image [dim], texts [n dim], says_something: Bool["n"]) -> Int[""]: the number of the best text',
    right=_best,
    mistakes=BEST_MISTAKES,
    cases=best_cases,
    placeholder=lambda image, texts, says_something: torch.tensor(0),
    praise="the cosine decides, among candidates that say something.",
)


def _tempered(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(dim=-1)


TEMPERATURE_MISTAKES = {
    "multiplied": Mistake(
        lambda logits, temperature: (logits * temperature).softmax(dim=-1),
        "You multiply by the temperature. A low temperature is to sharpen the choice.",
    ),
    "ignored": Mistake(lambda logits, temperature: logits.softmax(dim=-1), "The temperature is not used."),
    "after": Mistake(
        lambda logits, temperature: logits.softmax(dim=-1) / temperature,
        "You divide the probabilities, which then sum to 1 / T. Divide the logits.",
    ),
    "powers_not_normalised": Mistake(
        lambda logits, temperature: logits.softmax(dim=-1) ** (1 / temperature),
        "The right powers, but they do not sum to 1.",
    ),
    "over_prompts": Mistake(
        lambda logits, temperature: (logits / temperature).softmax(dim=0),
        "You normalise over the prompts. Each prompt has its own distribution over tokens.",
    ),
    "logs": Mistake(
        lambda logits, temperature: (logits / temperature).log_softmax(dim=-1),
        "These are log-probabilities.",
    ),
}


def temperature_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(2 * torch.randn(3, 5, generator=rng), t) for t in (0.5, 0.9, 2.0)]


check_with_temperature = Task(
    name="temperature",
    asks='answer(logits: Float["prompts vocab"], temperature: float) -> probabilities, same shape',
    right=_tempered,
    mistakes=TEMPERATURE_MISTAKES,
    cases=temperature_cases,
    praise="each prompt's probabilities sum to 1, and a low temperature sharpens them.",
)


def _ceiling(p: Tensor, n: int) -> Tensor:
    return (1 - (1 - p) ** n).mean()


CEILING_MISTAKES = {
    "sum": Mistake(lambda p, n: (n * p).mean(), "n times p can exceed 1: the draws are not exclusive."),
    "capped_sum": Mistake(
        lambda p, n: (n * p).clamp(max=1).mean(), "Capping n p at 1 is too much. Draws overlap."
    ),
    "all": Mistake(lambda p, n: (p**n).mean(), "That is the chance that all n are right."),
    "mean_first": Mistake(
        lambda p, n: 1 - (1 - p.mean()) ** n,
        "You average the pictures' chances first. A picture with p = 0 stays at 0 however many are drawn.",
    ),
    "none": Mistake(lambda p, n: ((1 - p) ** n).mean(), "That is the chance that none is right."),
    "one": Mistake(lambda p, n: p.mean(), "That is one sample's share; n is not used."),
}


def ceiling_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.rand(6, generator=rng) * torch.tensor([0, 1, 1, 0.3, 0.1, 1.0]), n) for n in (3, 10)]


check_ceiling = Task(
    name="ceiling",
    asks='answer(p: Float["pictures"], n: int) -> Float[""]: how often one of n samples is right',
    right=_ceiling,
    mistakes=CEILING_MISTAKES,
    cases=ceiling_cases,
    praise="a perfect re-ranker reaches this, and none reaches more.",
)

COMMON = frozenset({"a", "an", "and", "of", "the", "with"})


def _hits(captions: list[str], truth: list[set[str]]) -> float:
    return sum(bool((set(c.split()) - COMMON) & t) for c, t in zip(captions, truth, strict=True)) / len(captions)


def _words(captions: list[str], truth: list[set[str]], common: frozenset = COMMON) -> list[tuple[set, set]]:
    return [(set(c.split()) - common, t) for c, t in zip(captions, truth, strict=True)]


HITS_MISTAKES = {
    "common_count": Mistake(
        lambda captions, truth: sum(bool(c & t) for c, t in _words(captions, truth, frozenset())) / len(captions),
        "Words such as `of` count as hits. Leave out those of COMMON.",
    ),
    "per_word": Mistake(
        lambda captions, truth: sum(len(c & t) for c, t in _words(captions, truth)) / len(captions),
        "You count words. A picture is a hit or it is none.",
    ),
    "all_words": Mistake(
        lambda captions, truth: sum(bool(c) and c <= t for c, t in _words(captions, truth)) / len(captions),
        "You ask that every word be true. One is enough here.",
    ),
    "count": Mistake(
        lambda captions, truth: float(sum(bool(c & t) for c, t in _words(captions, truth))),
        "That is a number of pictures. Divide by how many there are.",
    ),
    "substrings": Mistake(
        lambda captions, truth: (
            sum(any(w in c for w in t - COMMON) for c, t in zip(captions, truth, strict=True)) / len(captions)
        ),
        "You look for parts of words: `cat` is then found in `cathedral`.",
    ),
    "without_misses": Mistake(
        lambda captions, truth: (
            sum(bool(c & t) for c, t in _words(captions, truth)) / max(sum(bool(c) for c in captions), 1)
        ),
        "You leave out pictures without a caption. They are misses.",
    ),
}


def hits_cases(seed: int = 0) -> list[Case]:
    """Hits by three, two and one words, two by common words only, a part of a word, and an empty caption."""
    extra = int(torch.randint(1, 4, (1,), generator=torch.Generator().manual_seed(seed)))
    captions = ["big red heart", "blue sky", "cat of the sea", "house of cards", "bank of gold", "cathedral", ""]
    truth = [
        {"big", "red", "heart"},
        {"blue", "sky"},
        {"cat", "pet"},
        {"of", "city"},
        {"of", "tree"},
        {"cat"},
        {"dog"},
    ]
    captions, truth = captions + ["blue whale"] * extra, truth + [{"whale"}] * extra
    return [(captions, truth), (captions[::-1], truth[::-1])]


check_share_of_hits = Task(
    name="share of hits",
    asks="answer(captions: list[str], truth: list[set[str]]) -> float: pictures with a true word in their caption",
    right=_hits,
    placeholder=lambda captions, truth: 0.0,
    mistakes=HITS_MISTAKES,
    cases=hits_cases,
    praise="each picture counts once, and only words that say something count.",
)
