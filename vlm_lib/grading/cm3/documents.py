"""Checkers for causally masked documents: what moves, what undoes it, what counts in the loss.

Source: Aghajanyan et al. 2022 (arXiv 2201.07520v1), the causally masked objective. Chapter: 13_cm3.
"""

from collections.abc import Callable

import numpy as np

from vlm_lib.data.hypertext import Marks
from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.models import cm3

SENTINELS, END = (100, 101, 102), 200
IGNORED = cm3.IGNORED


def _listed(answer: Callable, *case) -> tuple:
    """What an answer returns, as a row of numbers of any length."""
    return tuple(answer(*case))


def _marks(sentinels: tuple[int, ...] = SENTINELS, end: int = END) -> Marks:
    return Marks(sentinels=tuple(sentinels), end=end, start=201, pad=202)


def _right(document: list, spans: list, sentinels: list, end: int) -> list:
    return cm3.mask_spans(document, spans, _marks(sentinels, end))


def _masked(document: list, spans: list, sentinels: list, end: int, *, last: int = 0, close: bool = False) -> list:
    """A second way to write it, with two known slips to choose from."""
    kept, moved, at = [], [], 0
    for (start, stop), sentinel in zip(spans, sentinels, strict=False):
        kept += document[at:start] + [sentinel]
        moved += [sentinel, *document[start : stop + last]] + ([sentinel] if close else [])
        at = stop + last
    return kept + document[at:] + moved + [end]


def _in_place(document: list, spans: list, sentinels: list, end: int) -> list:
    """Every token of a span replaced by its sentinel, as BERT would."""
    body = list(document)
    for (start, stop), sentinel in zip(spans, sentinels, strict=False):
        body[start:stop] = [sentinel] * (stop - start)
    moved = [t for s, (a, b) in zip(sentinels, spans, strict=False) for t in [s, *document[a:b]]]
    return body + moved + [end]


MASK_MISTAKES = {
    "length_leaks": Mistake(
        _in_place, "Every token of a span becomes a sentinel, so their number tells the length. One for each span."
    ),
    "no_end": Mistake(lambda *case: _right(*case)[:-1], "The end mark is missing."),
    "dropped": Mistake(
        lambda document, spans, sentinels, end: (
            _right(document, spans, sentinels, end)[: len(document) - sum(b - a for a, b in spans) + len(spans)]
            + [end]
        ),
        "The spans are gone. They come back at the end, each behind its sentinel.",
    ),
    "no_second_sentinel": Mistake(
        lambda document, spans, sentinels, end: (
            _right(document, spans, sentinels, end)[: len(document) - sum(b - a for a, b in spans) + len(spans)]
            + [t for a, b in spans for t in document[a:b]]
            + [end]
        ),
        "Nothing says which span is which at the end: each stands behind its own sentinel.",
    ),
    "end_included": Mistake(
        lambda *case: _masked(*case, last=1), "Your spans are one token too long: `end` is the first one after."
    ),
    "closed": Mistake(
        lambda *case: _masked(*case, close=True),
        "You close each span with its sentinel once more: it stands twice.",
    ),
    "backwards": Mistake(
        lambda document, spans, sentinels, end: (
            _right(document, spans, sentinels, end)[: len(document) - sum(b - a for a, b in spans) + len(spans)]
            + [t for s, (a, b) in reversed(list(zip(sentinels, spans, strict=False))) for t in [s, *document[a:b]]]
            + [end]
        ),
        "The spans stand at the end in reverse. Keep their order.",
    ),
    "first_sentinel_only": Mistake(
        lambda document, spans, sentinels, end: _masked(document, spans, [sentinels[0]] * len(spans), end),
        "All spans have the same sentinel. Number them: the first span has the first sentinel, and so on.",
    ),
}


def mask_cases(seed: int = 0) -> list[Case]:
    """Documents with no span, one, and several; a span at either end, and two that touch."""
    rng = np.random.default_rng(seed)
    document = rng.integers(0, 50, size=12).tolist()
    start = int(rng.integers(1, 4))
    return [
        (document, [(start, start + 3), (start + 5, start + 7)], list(SENTINELS), END),
        (document, [(0, 2), (5, 7), (9, 11)], list(SENTINELS), END),
        (document, [(2, 5), (5, 6)], list(SENTINELS), END),
        (document[:5], [], list(SENTINELS), END),
    ]


check_mask_spans = Task(
    name="causal masking",
    asks="answer(document: list, spans: list of (start, end), sentinels: list, end) -> list",
    right=_right,
    placeholder=lambda document, spans, sentinels, end: [*document, end],
    use=_listed,
    mistakes=MASK_MISTAKES,
    cases=mask_cases,
    praise="each span left one sentinel in its place and stands behind the same one at the end.",
)


def _unmask(masked: list, sentinels: list) -> list:
    return cm3.unmask(masked, _marks(sentinels))


def _first_only(masked: list, sentinels: list) -> list:
    """Only the first span goes back; the others stay at the end."""
    used = [s for s in sentinels if s in masked]
    if not used:
        return masked[:-1]
    at = len(masked) - 1 - masked[::-1].index(used[0])
    stop = next((i for i in range(at + 1, len(masked)) if masked[i] in sentinels), len(masked) - 1)
    place = masked.index(used[0])
    return masked[:place] + masked[at + 1 : stop] + masked[place + 1 : at] + masked[stop:-1]


UNMASK_MISTAKES = {
    "keeps_end": Mistake(lambda *case: [*_unmask(*case), END], "The end mark is no part of the document."),
    "not_put_back": Mistake(
        lambda masked, sentinels: [t for t in masked[:-1] if t not in sentinels],
        "You take the sentinels out and leave the spans at the end. Each goes back to its place.",
    ),
    "keeps_sentinels": Mistake(
        lambda masked, sentinels: masked[:-1], "Nothing has been put back: this is the masked document."
    ),
    "first_only": Mistake(_first_only, "Only the first span went back to its place."),
}


def unmask_cases(seed: int = 0) -> list[Case]:
    return [(_right(*case), list(SENTINELS)) for case in mask_cases(seed)]


check_unmask = Task(
    name="the inverse",
    asks="answer(masked: list, sentinels: list) -> list: the document, as it was",
    right=_unmask,
    placeholder=lambda masked, sentinels: [],
    use=_listed,
    mistakes=UNMASK_MISTAKES,
    cases=unmask_cases,
    praise="every document comes back as it was.",
)


def _targets(masked: list, sentinels: list) -> list:
    return cm3.targets(masked, _marks(sentinels))


def _spans_only(masked: list, sentinels: list) -> list:
    again = [i for i, t in enumerate(masked) if t in sentinels and t in masked[:i]]
    first = again[0] if again else len(masked) - 1
    return [t if i >= first and t not in sentinels else IGNORED for i, t in enumerate(masked)]


TARGET_MISTAKES = {
    "nothing_ignored": Mistake(
        lambda masked, sentinels: list(masked),
        "Sentinels count as well. Where one comes is chance, so it is no target.",
    ),
    "spans_only": Mistake(
        _spans_only, "Only the moved spans count. What stayed in its place is learned too: it is a causal model."
    ),
    "no_end": Mistake(
        lambda masked, sentinels: [*_targets(masked, sentinels)[:-1], IGNORED],
        "The end does not count, so the model never learns to stop.",
    ),
    "first_of_each": Mistake(
        lambda masked, sentinels: [
            IGNORED if t in sentinels and t not in masked[:i] else t for i, t in enumerate(masked)
        ],
        "The second sentinel of each pair still counts.",
    ),
    "inverted": Mistake(
        lambda masked, sentinels: [t if t in sentinels else IGNORED for t in masked],
        "It is the other way round: sentinels are ignored, the rest counts.",
    ),
}


check_targets = Task(
    name="targets",
    asks="answer(masked: list, sentinels: list) -> list: each token, or -100 where it does not count",
    right=_targets,
    placeholder=lambda masked, sentinels: [IGNORED] * len(masked),
    use=_listed,
    mistakes=TARGET_MISTAKES,
    cases=unmask_cases,
    praise="everything counts but what was drawn at random.",
)
