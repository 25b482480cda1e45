"""What grading one submission gave: points for each test, and the message of each that failed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.api import Gradebook

from vlm_lib.grading.course import Course, quiet_nbgrader
from vlm_lib.grading.sheet import Sheet, grade_id, nbgrader_of, task_of

TIMED_OUT = ("CellTimeoutError", "KeyboardInterrupt")
LONGEST = 1200  # characters of a message; an answer may put a whole tensor into its error


@dataclass(frozen=True)
class Score:
    """One graded cell: `points` of `most`, None while it waits for a mark by hand, and what its test said."""

    name: str
    points: float | None
    most: float
    message: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class Result:
    """One submission. `problem` says why it could not be graded; then there are no scores, not even zeros."""

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


def message_of(cell: NotebookNode, timeout: int) -> str:
    """Why a cell failed, in one message; empty if it did not."""
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    names = [error.ename for error in errors]
    if any(name in TIMED_OUT for name in names):
        return f"stopped after {timeout} s without a result: is there a loop that never ends?"
    if "DeadKernelError" in names:
        return "ended the Python process (os._exit, or more memory than there is)"
    if errors:
        error = errors[0]
        text = error.evalue if error.ename == "NotYet" else f"{error.ename}: {error.evalue}"
    else:
        written = (o for o in cell.get("outputs", []) if o.output_type == "stream" and o.name == "stderr")
        text = "".join(f"wrote to stderr, which counts as a failure: {output.text}" for output in written)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def blank_scores(sheet: Sheet) -> tuple[Score, ...]:
    """The graded cells of a sheet in order, without points."""
    graded = [cell for cell in sheet.notebook.cells if nbgrader_of(cell).get("grade")]
    return tuple(
        Score(
            grade_id(cell),
            None,
            float(nbgrader_of(cell)["points"]),
            by_hand=nbgrader_of(cell).get("solution", False),
        )
        for cell in graded
    )


def read_result(course: Course, student: str, key: str, graded: NotebookNode, notes: list[str]) -> Result:
    """Collect what nbgrader entered in its gradebook and what the executed notebook says."""
    timeout = course.config.ExecuteEveryCell.timeout
    cells = {grade_id(cell): cell for cell in graded.cells if grade_id(cell)}
    with quiet_nbgrader(), Gradebook(course.gradebook) as gradebook:
        submitted = gradebook.find_submission_notebook(course.sheet.name, course.sheet.name, key)
        points = {
            grade.name: (None if grade.needs_manual_grade else grade.score, grade.max_score)
            for grade in submitted.grades
        }
    scores = tuple(
        Score(entry.name, *points[entry.name], message_of(cells[entry.name], timeout), entry.by_hand)
        for entry in blank_scores(course.sheet)
    )
    own = [cell for cell in graded.cells if not nbgrader_of(cell).get("grade")]
    errors = tuple((grade_id(cell) or "a cell of your own", message_of(cell, timeout)) for cell in own)
    return Result(student, key, scores, tuple(pair for pair in errors if pair[1]), tuple(notes))


def tasks_of(scores: tuple[Score, ...]) -> list[str]:
    """The tasks in the order of the sheet."""
    return list(dict.fromkeys(task_of(score.name) for score in scores))
