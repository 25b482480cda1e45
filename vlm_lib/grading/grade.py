"""Grading a class: one submission after another, and no submission can stop the rest.

The submissions run as you: a process of its own is not a sandbox (see `vlm_lib.grading`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from vlm_lib.grading.execute import run_notebook, with_outputs
from vlm_lib.grading.intake import SubmissionError, fill, read_answers
from vlm_lib.grading.kernel import KernelError
from vlm_lib.grading.release import grading_version
from vlm_lib.grading.results import Results
from vlm_lib.grading.scores import Result, blank_scores, judge
from vlm_lib.grading.sheet import SheetError, read_sheet
from vlm_lib.grading.submissions import Submission, collect, find_notebook, read_bytes
from vlm_lib.grading.written import number


@dataclass(frozen=True)
class Taken:
    """What was taken from a submission: the texts of its answers, or why there are none."""

    submission: Submission
    answers: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""

    def result(self, **parts) -> Result:
        """A result for this submission."""
        return Result(self.submission.student, self.submission.key, notes=self.notes, **parts)


def _reason(error: Exception) -> str:
    if isinstance(error, SubmissionError | KernelError):
        return str(error)
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    return f"grading itself failed, which is a fault of ours: {type(error).__name__}: {error}"


def take(submission: Submission, sheet: str, released: NotebookNode) -> Taken:
    """Read one submission. Whatever is wrong with it becomes its `problem`, so that the class goes on."""
    try:
        path, notes = find_notebook(submission.path, sheet)
        answers = read_answers(read_bytes(path), released)
    except Exception as error:
        return Taken(submission, problem=_reason(error))
    return Taken(submission, answers.texts, (*submission.notes, *notes, *answers.notes))


def run(taken: Taken, released: NotebookNode, timeout: float) -> tuple[Result, NotebookNode | None]:
    """Grade one submission, and return the executed notebook if there is one."""
    executed = None
    try:
        if taken.problem:
            raise SubmissionError(taken.problem)
        filled = fill(released, taken.answers)
        outcomes = run_notebook(filled, timeout)
        executed = with_outputs(filled, outcomes)
        scores, errors = judge(released, filled, outcomes, timeout)
    except Exception as error:
        return taken.result(problem=_reason(error)), executed
    return taken.result(scores=scores, own_errors=errors), executed


def grade(
    sheet: str | Path,
    submissions: str | Path,
    out: str | Path,
    *,
    timeout: float = 30,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Grade all `submissions` (a folder, or an .ipynb, for each student) and write the results into `out`.

    `timeout`: seconds that one cell may take. What `out` gets, complete after each submission, stands in
    `vlm_lib.grading.results`. If it holds results of an earlier run, those are kept whose answers, sheet, library
    and time limit are the same; the rest is graded, also what was not graded then.
    Raises: SheetError for a sheet that cannot be used, no submissions, or an `out` that holds anything else.
    """
    source, out = read_sheet(sheet), Path(out)
    if not timeout > 0:
        raise SheetError(f"timeout: got {timeout}, expected more than 0 s")
    todo = collect(submissions)
    if out.resolve().is_relative_to(Path(submissions).resolve()):
        raise SheetError(f"out: {out} lies in the folder of the submissions, expected another place")
    released = grading_version(source)
    results = Results(out, source.name, released, timeout)
    aside = results.open()
    if aside:
        say(aside)
    taken = [take(submission, source.name, released) for submission in todo]
    basis = [results.basis(one.answers, one.notes) for one in taken]
    known = [results.kept(one.submission.key, of) for one, of in zip(taken, basis, strict=True)]
    kept = sum(result is not None for result in known)
    if kept:
        say(f"kept: {kept} results of an earlier run")
    columns = blank_scores(released)
    for at, one in enumerate(taken):
        if known[at]:
            continue
        start = time.perf_counter()
        known[at], executed = run(one, released, timeout)
        result = known[at]
        results.write(result, executed, basis[at])
        results.write_class(list(filter(None, known)), columns)
        short = result.problem.splitlines()[0] if result.problem else ""
        verdict = f"NOT GRADED: {short}" if short else f"{number(result.points)} of {number(result.most)}"
        say(f"[{at + 1}/{len(taken)}] {result.student}: {verdict} ({time.perf_counter() - start:.1f} s)")
    results.write_class(known, columns)
    return known
