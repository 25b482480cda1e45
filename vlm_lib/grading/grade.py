"""Grading a class: one submission after another, and no submission can stop the rest.

What a submission's process can reach is said at the start (see `shut_in`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nbformat import NotebookNode

from vlm_lib.grading.execute import run_notebook, with_outputs
from vlm_lib.grading.intake import SubmissionError, fill, read_answers
from vlm_lib.grading.kernel import Kernel, KernelError
from vlm_lib.grading.release import grading_version
from vlm_lib.grading.results import Results
from vlm_lib.grading.scores import Result, blank_scores, judge
from vlm_lib.grading.sheet import SheetError, read_sheet
from vlm_lib.grading.shut_in import can_be_hidden, said
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


def run(
    taken: Taken, released: NotebookNode, timeout: float, new_kernel: Callable[[], Kernel]
) -> tuple[Result, NotebookNode | None, float]:
    """Grade one submission; the executed notebook if there is one, and the seconds that it took."""
    executed, start = None, time.perf_counter()
    try:
        if taken.problem:
            raise SubmissionError(taken.problem)
        filled = fill(released, taken.answers)
        outcomes = run_notebook(filled, timeout, new_kernel)
        executed = with_outputs(filled, outcomes)
        scores, errors = judge(released, filled, outcomes, timeout)
    except Exception as error:
        return taken.result(problem=_reason(error)), executed, time.perf_counter() - start
    return taken.result(scores=scores, own_errors=errors), executed, time.perf_counter() - start


def _told(result: Result) -> str:
    if result.problem:
        return f"{result.student}: NOT GRADED: {result.problem.splitlines()[0]}"
    return f"{result.student}: {number(result.points)} of {number(result.most)}"


def grade(
    sheet: str | Path,
    submissions: str | Path,
    out: str | Path,
    *,
    timeout: float = 30,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Grade all `submissions` (a folder, or an .ipynb, for each student) and write the results into `out`.

    `timeout`: seconds that one cell may take; `jobs`: submissions at a time. What `out` gets, complete after each
    submission, stands in `vlm_lib.grading.results`. If it holds results of an earlier run, those are kept whose
    answers, sheet, library and time limit are the same; the rest is graded, also what was not graded then.
    Raises: SheetError for a sheet that cannot be used, no submissions, or an `out` that holds anything else.
    """
    source, out = read_sheet(sheet), Path(out)
    if not timeout > 0:
        raise SheetError(f"timeout: got {timeout}, expected more than 0 s")
    if jobs < 1:
        raise SheetError(f"jobs: got {jobs}, expected at least 1")
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
    say(said())
    columns, stop = blank_scores(released), threading.Event()
    new_kernel = partial(Kernel, can_be_hidden(Path(submissions), out, source.path.parent), stop)
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [at for at, result in enumerate(known) if result is None]
        running = {pool.submit(run, taken[at], released, timeout, new_kernel): at for at in waiting}
        try:
            for future in as_completed(running):
                at = running[future]
                known[at], executed, seconds = future.result()
                results.write(known[at], executed, basis[at])
                results.write_class(list(filter(None, known)), columns)
                say(f"[{at + 1}/{len(taken)}] {_told(known[at])} ({seconds:.1f} s)")
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    results.write_class(known, columns)
    return known
