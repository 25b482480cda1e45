"""What a chapter records: a verdict on measurements, an exact fact, or an answer. Chapters: every one."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vlm_lib.claims import render

MIME = "application/vnd.vlm-lib.verdict+json"


def six_digits(value: float) -> float:
    """Six significant digits: what is stored and judged, so that a record can be recomputed from itself."""
    return float(f"{value:.6g}")


@dataclass(frozen=True)
class _Shown:
    """What all records share: a card for readers, text for terminals, JSON for the scoreboard."""

    def record(self) -> dict[str, Any]:
        """The machine-readable record, ready for JSON."""
        return {"kind": type(self).__name__.lower(), **asdict(self)}

    def __str__(self) -> str:
        return render.as_text(self.record())

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        record = self.record()
        return {"text/plain": render.as_text(record), "text/html": render.as_html(record), MIME: record}


@dataclass(frozen=True)
class Verdict(_Shown):
    """The outcome of a `Claim`. `effects` and each list in `arms` follow the order of `seeds`.

    `effect` is the mean of `effects` and `spread` their sample standard deviation, both in the metric's unit;
    `chance` is how often the seeds would agree if there were no effect, "1 in 32".
    """

    id: str
    chapter: str
    verdict: str
    hypothesis: str
    metric: str
    higher_is_better: bool
    threshold: float
    treatment: str
    control: str
    baselines: list[str]
    seeds: list[int]
    arms: dict[str, list[float]]
    effects: list[float]
    effect: float
    spread: float
    chance: str
    says: str | None
    says_if_negative: str | None
    seconds: int
    device: str


@dataclass(frozen=True)
class Answer(_Shown):
    """A question of understanding that code has answered: the check that passed and the evidence it rests on."""

    id: str
    chapter: str
    verdict: str
    question: str
    check: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Exact(_Shown):
    """A statement that is true by construction, and the check on numbers that proved it."""

    id: str
    chapter: str
    verdict: str
    statement: str
    check: str
    evidence: dict[str, Any]


def exact(
    id: str, statement: str, check: str, passed: bool, evidence: Mapping[str, Any], *, chapter: str
) -> Exact:
    """Record what needs no seeds: a mask, a variance formula, a path that exists or does not.

    statement: what is true by construction; check: the sentence that says how it was proved; evidence: the
    numbers behind it. How large the thing is, if that matters, is a `Claim` of its own.

    Raises `AssertionError` if the check did not pass; `ValueError` for an id of another form than C07 or Q07, an
    empty text, no evidence, or evidence other than numbers, texts and lists.
    """
    require_id(id, "CQ")
    require_texts(statement=statement, check=check, chapter=chapter)
    plain = _proved(id, check, passed, evidence)
    return Exact(id=id, chapter=chapter, verdict="exact", statement=statement, check=check, evidence=plain)


def answer(
    id: str, question: str, check: str, passed: bool, evidence: Mapping[str, Any], *, chapter: str
) -> Answer:
    """Record that a question of the ledger is answered: `check` is a sentence, `evidence` the values behind it.

    Raises `AssertionError` if the check did not pass, so that a wrong answer stops the notebook; `ValueError` for
    an id that is no question, an empty text, no evidence, or evidence other than numbers, texts and lists.
    """
    require_id(id, "Q")
    require_texts(question=question, check=check, chapter=chapter)
    plain = _proved(id, check, passed, evidence)
    return Answer(id=id, chapter=chapter, verdict="answered", question=question, check=check, evidence=plain)


def _proved(id: str, check: str, passed: bool, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence as plain values, once the check has passed."""
    passed = _plain("passed", passed)
    if not isinstance(passed, bool):
        raise ValueError(f"passed is {passed!r}, expected True or False")
    if not passed:
        raise AssertionError(f"{id}: the check failed: {check} Evidence: {dict(evidence)}")
    if not evidence:
        raise ValueError("evidence is empty, expected at least one named value")
    return {str(name): _plain(f"evidence[{name!r}]", value) for name, value in evidence.items()}


def _plain(name: str, value: Any) -> Any:
    """Arrays, tensors and tuples as the plain numbers and lists that JSON knows."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return six_digits(value)
    raise ValueError(f"{name} is {value!r}, expected a finite number, a text, or a list of them")


def require_id(id: str, kinds: str) -> None:
    if not re.fullmatch(f"[{kinds}][0-9]{{2}}", id):
        raise ValueError(f"id is {id!r}, expected a ledger id such as {kinds[0]}07")


def require_texts(**texts: str) -> None:
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name} is {text!r}, expected a text that is not empty")
