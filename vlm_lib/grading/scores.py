"""What grading one submission gave: points for each test, and the message of each that failed."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from nbformat import NotebookNode

from vlm_lib.grading.intake import SubmissionError
from vlm_lib.grading.kernel import Outcome
from vlm_lib.grading.sheet import grade_id, is_answer, is_test, nbgrader_of, task_of

LONGEST = 1200  # characters of a message; an answer may put a whole tensor into its error


@dataclass(frozen=True)
class Score:
    """One graded cell: `points` of `most`, and what its test said.

    An answer in words is marked `by_hand`: `points` are None while it waits, and `answer` is its text.
    """

    name: str
    points: float | None
    most: float
    message: str = ""
    by_hand: bool = False
    answer: str = ""


@dataclass(frozen=True)
class Result:
    """One submission. `problem` says why it could not be graded; then there are no scores, not even zeros.

    `own_errors`: the names of cells for answers that did not run to their end, and why.
    """

    student: str
    key: str
    scores: tuple[Score, ...] = ()
    own_errors: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def points(self) -> float:
        return sum(score.points or 0.0 for score in self.scores)

    @property
    def most(self) -> float:
        """The points that the tests can give."""
        return sum(score.most for score in self.scores if not score.by_hand)

    @property
    def waiting(self) -> float:
        """The points of answers that a person has yet to mark."""
        return sum(score.most for score in self.scores if score.points is None)

    def to_json(self) -> dict:
        """As dictionaries and lists; `from_json` makes the same result of them."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict) -> Result:
        scores = tuple(Score(**score) for score in data["scores"])
        errors = tuple((name, message) for name, message in data["own_errors"])
        return cls(**data | {"scores": scores, "own_errors": errors, "notes": tuple(data["notes"])})


def message_of(outcome: Outcome, timeout: float) -> str:
    """Why a cell failed, in one message; empty if it did not."""
    if outcome.status == "too long":
        return f"stopped after {timeout:g} s without a result: is there a loop that never ends?"
    if outcome.status == "ended":
        return "ended the Python process (exit, or more memory than there is)"
    text = outcome.message if outcome.name == "NotYet" else f"{outcome.name}: {outcome.message}"
    text = "" if outcome.status == "ok" else re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def blank_scores(released: NotebookNode) -> tuple[Score, ...]:
    """The graded cells of a sheet in order, without points."""
    return tuple(
        Score(grade_id(cell), None, float(nbgrader_of(cell)["points"]), by_hand=is_answer(cell))
        for cell in released.cells
        if nbgrader_of(cell).get("grade")
    )


def judge(
    released: NotebookNode, filled: NotebookNode, outcomes: dict[str, Outcome], timeout: float
) -> tuple[tuple[Score, ...], tuple[tuple[str, str], ...]]:
    """The scores, and the errors of cells for answers: a test gives its points if it ran to its end.

    What a cell wrote to stdout or stderr changes nothing. Raises: SubmissionError if a cell of the sheet's own,
    such as its imports, failed: then no test says anything about the student.
    """
    scores, errors = [], []
    blank = {score.name: score for score in blank_scores(released)}
    for cell, given in zip(filled.cells, released.cells, strict=True):
        name, outcome = grade_id(cell) or cell["id"], outcomes.get(cell["id"])
        message = message_of(outcome, timeout) if outcome else ""
        if message and not is_answer(cell) and not is_test(cell):
            raise SubmissionError(f"the sheet's own cell {name} failed, so nothing was graded: {message}")
        if message and is_answer(cell):
            errors.append((name, message))
        if name not in blank:
            continue
        most = blank[name].most
        if is_test(cell):
            scores.append(Score(name, 0.0 if message else most, most, message))
        else:
            untouched = cell.source.strip() == given.source.strip()
            scores.append(Score(name, 0.0 if untouched else None, most, message, True, cell.source))
    return tuple(scores), tuple(errors)


def tasks_of(scores: tuple[Score, ...]) -> list[str]:
    """The tasks in the order of the sheet."""
    return list(dict.fromkeys(task_of(score.name) for score in scores))
