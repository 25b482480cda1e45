"""Grading a class: every submission through nbgrader, one after another, and no submission can stop the rest.

The submissions run as you: nbgrader is not a sandbox (see `vlm_lib.grading`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from vlm_lib.grading.course import Course
from vlm_lib.grading.intake import Submission, SubmissionError, collect, find_notebook, read_notebook, restore
from vlm_lib.grading.release import write_whole
from vlm_lib.grading.scores import Result, blank_scores, read_result
from vlm_lib.grading.sheet import SheetError, read_sheet
from vlm_lib.grading.written import number, scores_csv, student_report, summary


def grade_one(course: Course, released: NotebookNode, submission: Submission) -> Result:
    """Grade one submission; a submission that cannot be graded gives a `Result` that says why."""
    student, key = submission.student, submission.key
    try:
        path = find_notebook(submission.path, course.sheet.name)
        notebook = read_notebook(path)
        notes = restore(notebook, released)
    except SubmissionError as error:
        return Result(student, key, problem=str(error))
    if submission.path.is_dir() and path.stem not in (course.sheet.name, f"{course.sheet.name}_student"):
        notes.append(f"the file is named {path.name}, the sheet {course.sheet.name}_student.ipynb")
    target = course.file("submitted", key)
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)
    problem = course.autograde(key)
    if problem:
        return Result(student, key, notes=tuple(notes), problem=f"nbgrader failed: {problem}")
    graded = nbformat.read(course.file("autograded", key), as_version=4)
    return read_result(course, student, key, graded, notes)


def grade(
    sheet: str | Path,
    submissions: str | Path,
    out: str | Path,
    *,
    timeout: int = 30,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Grade all `submissions` (a folder, or an .ipynb, for each student) and write the results into `out`.

    `timeout`: seconds that one cell may take. `out` gets scores.csv, summary.md, reports/STUDENT.md and nbgrader/,
    the tree with the executed notebooks and the gradebook; scores.csv is complete after each submission.
    Raises: SheetError for a sheet that cannot be used, no submissions, or an `out` that holds something already.
    """
    source, out = read_sheet(sheet), Path(out)
    if timeout < 1:
        raise SheetError(f"timeout: got {timeout}, expected at least 1 s")
    todo = collect(submissions)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SheetError(f"out: {out} holds something already (marks?), expected a new or empty folder")
    course = Course(out / "nbgrader", source, timeout)
    released = course.generate()
    columns = blank_scores(source)
    results: list[Result] = []
    for count, submission in enumerate(todo, 1):
        start = time.perf_counter()
        result = grade_one(course, released, submission)
        results.append(result)
        write_whole(out / "reports" / f"{result.key}.md", student_report(result, source.name))
        write_whole(out / "scores.csv", scores_csv(results, columns))
        write_whole(out / "summary.md", summary(results, source.name))
        short = result.problem.splitlines()[0] if result.problem else ""
        verdict = f"NOT GRADED: {short}" if short else f"{number(result.points)} of {number(result.most)}"
        say(f"[{count}/{len(todo)}] {submission.student}: {verdict} ({time.perf_counter() - start:.1f} s)")
    return results
