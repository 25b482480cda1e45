"""What a teacher and a student read: the class's scores as CSV, a report for each student, and a summary."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict

from vlm_lib.grading.scores import Result, Score, tasks_of
from vlm_lib.grading.sheet import task_of

FORMULA = tuple("=+-@\t\r＝＋－＠")  # what may begin a formula, also as Chinese and Japanese keyboards write it
LONGEST_LINE = 200  # of a message in the summary; the students' reports have them whole


def number(value: float) -> str:
    """Points without a needless decimal."""
    return f"{value:g}"


def _as_text(text: str) -> str:
    """Keep a spreadsheet from reading a name or a remark as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def scores_csv(results: list[Result], scores: tuple[Score, ...]) -> str:
    """One row per submission; `scores` gives the tasks. A cell is empty where nothing was graded yet.

    It begins with a byte order mark, without which Excel takes the names for Latin-1.
    """
    tasks = tasks_of(scores)
    text = io.StringIO()
    text.write("\ufeff")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["student", "status", "points", "of", "by_hand", *tasks, "remarks"])
    for result in results:
        student = _as_text(result.student)
        remarks = _as_text("; ".join(filter(None, [result.problem, *result.notes])))
        if result.problem:
            table.writerow([student, "not graded", "", "", "", *[""] * len(tasks), remarks])
            continue
        earned: dict[str, float | None] = defaultdict(float)
        for score in result.scores:
            task = task_of(score.name)
            earned[task] = None if score.points is None else (earned[task] or 0.0) + score.points
        cells = ["" if earned[task] is None else number(earned[task]) for task in tasks]
        totals = map(number, (result.points, result.most, result.waiting))
        table.writerow([student, "graded", *totals, *cells, remarks])
    return text.getvalue()


def _indented(text: str) -> list[str]:
    return ["", *(f"    {line}" for line in text.splitlines()), ""]


def student_report(result: Result, sheet: str) -> str:
    """One student's report in Markdown: points for each test and, where one failed, what it said."""
    lines = [f"# {sheet}: {result.student}", ""]
    if result.problem:
        lines += ["This submission could not be graded, and no points were given or taken:"]
        return "\n".join([*lines, *_indented(result.problem)]) + "\n"
    lines += [f"**{number(result.points)} of {number(result.most)} points**"]
    if result.waiting:
        lines[-1] += f"; {number(result.waiting)} more wait for a mark by hand"
    lines += [""] + [f"- Note: {note}." for note in result.notes]
    for task in tasks_of(result.scores):
        scores = [score for score in result.scores if task_of(score.name) == task]
        lines += ["", f"## {task}", ""]
        for name, message in result.own_errors:
            if task_of(name) == task:
                lines += ["Your cell did not run to its end:", *_indented(message)]
        said = ""
        for score in scores:
            part = score.name.removeprefix(f"{task}-")
            if score.points is None:
                lines += [f"- {part}: waits for a mark by hand (up to {number(score.most)})"]
                continue
            lines += [f"- {part}: {number(score.points)} of {number(score.most)}"]
            if score.message and score.message == said:
                lines[-1] += " (the same message)"
            elif score.message:
                lines += _indented(score.message)
            said = score.message
    return "\n".join(lines) + "\n"


def by_hand(results: list[Result], sheet: str) -> str:
    """The answers in words that wait for a mark, question by question."""
    lines = [f"# {sheet}: answers in words", ""]
    waiting = [(score, result) for result in results for score in result.scores if score.points is None]
    for name in dict.fromkeys(score.name for score, _ in waiting):
        lines += [f"## {task_of(name)}", ""]
        for score, result in waiting:
            if score.name == name:
                lines += [f"**{result.student}** (up to {number(score.most)} points)"]
                lines += ["", *(f"> {line}" for line in score.answer.splitlines()), ""]
    return "\n".join(lines) + "\n"


def summary(results: list[Result], sheet: str) -> str:
    """The class at a glance: how each test went, and which messages came up most often."""
    graded = [result for result in results if not result.problem]
    lines = [f"# {sheet}", "", f"{len(results)} submissions, {len(graded)} graded.", ""]
    for result in results:
        if result.problem:
            lines += [f"- Not graded: {result.student}: {result.problem.splitlines()[0]}"]
    if not graded:
        return "\n".join(lines) + "\n"
    lines += ["", "| test | full points |", "|---|---|"]
    for position, score in enumerate(graded[0].scores):
        full = sum(result.scores[position].points == score.most for result in graded)
        lines += [f"| {score.name} | {full} of {len(graded)} |"]
    said = Counter(
        (task, line.strip().removeprefix("- ")[:LONGEST_LINE])
        for result in graded
        for task, line in {
            (task_of(score.name), line)
            for score in result.scores
            for line in score.message.splitlines()
            if not line.endswith(": not yet")
        }
    )
    lines += ["", "What the tests said, most frequent first (number of students):", ""]
    lines += [f"- {count}: {task}: {line}" for (task, line), count in said.most_common(20)]
    return "\n".join(lines) + "\n"
