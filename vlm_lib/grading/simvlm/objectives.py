"""Checkers for what a prefix LM predicts, for its loss, and for span corruption.

Sources: SimVLM, section 3.1 (arXiv 2108.10904); T5, section 3.1.4 (arXiv 1910.10683v4). Chapter: 12_simvlm.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task

IGNORED = -100


def _shifted(ids: Tensor, pad: int, keep_pad: bool = False) -> Tensor:
    after = F.pad(ids[:, 1:], (0, 1), value=pad)
    return after if keep_pad else after.masked_fill(after == pad, IGNORED)


def _targets(ids: Tensor, kept: Tensor, pad: int) -> Tensor:
    """The word after each, from the last word of the prefix on."""
    given = torch.arange(ids.shape[1]) < kept[:, None] - 1
    return _shifted(ids, pad).masked_fill(given, IGNORED)


TARGET_MISTAKES = {
    "not_shifted": Mistake(
        lambda ids, kept, pad: ids.masked_fill(
            (torch.arange(ids.shape[1]) < kept[:, None]) | (ids == pad), IGNORED
        ),
        "Each position is asked for its own word, which it sees. It predicts the one after it.",
    ),
    "prefix_counts": Mistake(
        lambda ids, kept, pad: _shifted(ids, pad),
        "The words of the prefix are predicted, too. They see each other both ways: they would be copied.",
    ),
    "pad_counts": Mistake(
        lambda ids, kept, pad: _shifted(ids, pad, True).masked_fill(
            torch.arange(ids.shape[1]) < kept[:, None] - 1, IGNORED
        ),
        "Padding is predicted.",
    ),
    "first_missing": Mistake(
        lambda ids, kept, pad: _shifted(ids, pad).masked_fill(torch.arange(ids.shape[1]) < kept[:, None], IGNORED),
        "The first word after the prefix is left out. The last word of the prefix predicts it.",
    ),
    "one_too_many": Mistake(
        lambda ids, kept, pad: _shifted(ids, pad).masked_fill(
            torch.arange(ids.shape[1]) < kept[:, None] - 2, IGNORED
        ),
        "The last word of the prefix is predicted, too, by a word that sees it.",
    ),
    "zeros": Mistake(
        lambda ids, kept, pad: _targets(ids, kept, pad).clamp(min=0),
        "What does not count is 0 in yours, which is a word. The loss leaves out -100.",
    ),
}


def target_cases(seed: int = 0) -> list[Case]:
    """Texts of different lengths with prefixes of different lengths, one of them of a single word."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 50, (3, 8), generator=rng)
    ids[1, 6:], ids[2, 5:] = 1, 1
    return [(ids, torch.tensor([5, 3, 2]), 1), (ids[:, :6], torch.tensor([1, 4, 2]), 1)]


check_what_is_predicted = Task(
    name="what is predicted",
    asks='answer(ids: Int["batch words"], kept: Int["batch"], pad: int) -> Int["batch words"]',
    right=_targets,
    placeholder=lambda ids, kept, pad: torch.full_like(ids, IGNORED),
    mistakes=TARGET_MISTAKES,
    cases=target_cases,
    praise="each word after the prefix is predicted once, by the word before it.",
)


def _each(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=IGNORED)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return _each(logits, labels).sum() / (labels != IGNORED).sum()


LOSS_MISTAKES = {
    "all_positions": Mistake(
        lambda logits, labels: _each(logits, labels).mean(),
        "You divide by all positions. Divide by the number of words that are predicted.",
    ),
    "mean_of_means": Mistake(
        lambda logits, labels: (_each(logits, labels).sum(1) / (labels != IGNORED).sum(1)).mean(),
        "You average each example first: a word after a long prefix then weighs more than one after a short one.",
    ),
    "summed": Mistake(lambda logits, labels: _each(logits, labels).sum(), "You sum; the loss is the mean."),
    "by_batch": Mistake(
        lambda logits, labels: _each(logits, labels).sum() / len(labels),
        "You divide by the number of examples; divide by the number of words that are predicted.",
    ),
    "wrong_sign": Mistake(lambda logits, labels: -_loss(logits, labels), "The sign: a loss is -log p."),
}


def loss_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    logits, labels = torch.randn(3, 6, 9, generator=rng), torch.randint(9, (3, 6), generator=rng)
    labels[0, :4], labels[1, :1], labels[2, 3:] = IGNORED, IGNORED, IGNORED
    return [(logits, labels), (2 * logits[:2], labels[:2])]


check_prefix_loss = Task(
    name="loss of a prefix LM",
    asks='answer(logits: Float["batch words vocabulary"], labels: Int["batch words"]) -> Float[""]',
    right=_loss,
    mistakes=LOSS_MISTAKES,
    gradients=("logits",),
    cases=loss_cases,
    praise="each predicted word counts once, and equally.",
)


def _listed(answer: Callable, *case) -> tuple:
    """What an answer returns, as a row of numbers of any length."""
    return tuple(answer(*case))


def _corrupt(text: list, spans: list, sentinels: list) -> list:
    given, moved, at = [], [], 0
    for sentinel, (start, end) in zip(sentinels, spans, strict=False):
        given += [*text[at:start], sentinel]
        moved += [sentinel, *text[start:end]]
        at = end
    return [*given, *text[at:], *moved]


def _given(text: list, spans: list) -> int:
    return len(text) - sum(end - start for start, end in spans) + len(spans)


CORRUPT_MISTAKES = {
    "length_leaks": Mistake(
        lambda text, spans, sentinels: (
            [
                next((s for s, (a, b) in zip(sentinels, spans, strict=False) if a <= i < b), token)
                for i, token in enumerate(text)
            ]
            + _corrupt(text, spans, sentinels)[_given(text, spans) :]
        ),
        "Every word of a span becomes a sentinel, so their number tells the length. One for each span.",
    ),
    "nothing_to_predict": Mistake(
        lambda text, spans, sentinels: _corrupt(text, spans, sentinels)[: _given(text, spans)],
        "The spans are gone. They follow, each behind its sentinel: they are what is predicted.",
    ),
    "without_sentinels": Mistake(
        lambda text, spans, sentinels: (
            _corrupt(text, spans, sentinels)[: _given(text, spans)] + [t for a, b in spans for t in text[a:b]]
        ),
        "Nothing says which span is which: each follows behind its own sentinel.",
    ),
    "end_included": Mistake(
        lambda text, spans, sentinels: _corrupt(text, [(a, b + 1) for a, b in spans], sentinels),
        "Your spans are one word too long: `end` is the first one after.",
    ),
    "first_sentinel_only": Mistake(
        lambda text, spans, sentinels: _corrupt(text, spans, sentinels[:1] * len(spans)),
        "All spans have the same sentinel. Number them.",
    ),
    "whole_text_first": Mistake(
        lambda text, spans, sentinels: [*text, *_corrupt(text, spans, sentinels)[_given(text, spans) :]],
        "The words of the spans still stand in their places, where they can be copied from.",
    ),
}


def corrupt_cases(seed: int = 0) -> list[Case]:
    """One span, several, and one at either end."""
    rng = np.random.default_rng(seed)
    text = rng.integers(0, 50, size=12).tolist()
    start = int(rng.integers(1, 3))
    sentinels = [100, 101, 102]
    return [
        (text, [(start, start + 2), (start + 5, start + 8)], sentinels),
        (text, [(0, 3), (5, 6), (9, 11)], sentinels),
        (text[:6], [(2, 4)], sentinels),
    ]


check_corrupt = Task(
    name="span corruption",
    asks="answer(text: list, spans: list of (start, end), sentinels: list) -> list",
    right=_corrupt,
    placeholder=lambda text, spans, sentinels: list(text),
    use=_listed,
    mistakes=CORRUPT_MISTAKES,
    cases=corrupt_cases,
    praise="one sentinel stands for each span, and the spans follow, each behind its own.",
)
