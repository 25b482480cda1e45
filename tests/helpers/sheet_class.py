"""What the tests of problem sheets share: answers, a class that is graded once, and what every sheet keeps."""

import copy
import csv
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from vlm_lib.grading import grade as grading
from vlm_lib.grading.release import release
from vlm_lib.grading.scores import Result
from vlm_lib.grading.sheet import grade_id, nbgrader_of, read_sheet

ROOT = Path(__file__).resolve().parents[2]
EXERCISES = ROOT / "notebooks" / "exercises"
INSTALL = ROOT / "book" / "_template" / "install_cell.py"


@dataclass(frozen=True)
class SheetFiles:
    """A sheet of the project, by name, with the points that its tests give for each task."""

    name: str
    points: dict[str, float]

    @property
    def source(self) -> Path:
        return EXERCISES / f"{self.name}.md"

    @property
    def student(self) -> Path:
        return EXERCISES / f"{self.name}_student.ipynb"

    def untouched(self) -> NotebookNode:
        """The student version as it is handed out."""
        return nbformat.read(self.student, as_version=4)

    def reference(self) -> NotebookNode:
        """The student version with the solutions of the sheet filled in."""
        solved = {cell["id"]: cell for cell in read_sheet(self.source).notebook.cells}
        notebook = self.untouched()
        for cell in notebook.cells:
            if nbgrader_of(cell).get("solution"):
                cell.source = solved[cell["id"]].source
        return notebook

    def answered(self, **answers: str) -> NotebookNode:
        """The reference with some tasks answered otherwise."""
        notebook = copy.deepcopy(self.reference())
        for cell in notebook.cells:
            task, _, part = (grade_id(cell) or "").rpartition("-")
            if part == "solution" and task in answers:
                cell.source = answers[task]
        return notebook


@dataclass(frozen=True)
class Graded:
    """A graded class: the folder with the results, what grading said, and its results by student."""

    folder: Path
    said: list[str]
    results: dict[str, Result]
    sheet: SheetFiles

    def row(self, student: str) -> dict[str, str]:
        """A student's row of scores.csv."""
        with (self.folder / "scores.csv").open(encoding="utf-8-sig") as file:
            (found,) = [entry for entry in csv.DictReader(file) if entry["student"] == student]
        return found

    def points(self, student: str) -> dict[str, float]:
        return {task: float(self.row(student)[task]) for task in self.sheet.points}

    def report(self, student: str) -> str:
        return (self.folder / "reports" / f"{student}.md").read_text()

    def summary(self) -> str:
        return (self.folder / "summary.md").read_text()


def hand_in(sheet: SheetFiles, submissions: Path, notebooks: dict[str, NotebookNode]) -> None:
    """Write each student's notebook into a folder of their name."""
    for name, notebook in notebooks.items():
        (submissions / name).mkdir(parents=True)
        nbformat.write(notebook, submissions / name / sheet.student.name)


def grade_class(sheet: SheetFiles, submissions: Path, out: Path, timeout: int) -> Graded:
    """Grade `submissions` with the project's own command."""
    said: list[str] = []
    results = grading.grade(sheet.source, submissions, out, timeout=timeout, say=said.append)
    return Graded(out, said, {result.student: result for result in results}, sheet)


def assert_full_marks(graded: Graded, student: str, by_hand: int) -> None:
    """The reference solution gets every point that the tests give; the question in words waits."""
    most = f"{sum(graded.sheet.points.values()):g}"
    assert graded.points(student) == graded.sheet.points
    assert graded.row(student)["points"] == graded.row(student)["of"] == most
    assert f"**{most} of {most} points**; {by_hand} more wait for a mark by hand" in graded.report(student)


def assert_nothing_earned(graded: Graded, student: str) -> None:
    """An untouched sheet gets no point, is told why, and has no answer in words that waits to be marked."""
    assert graded.points(student) == dict.fromkeys(graded.sheet.points, 0)
    assert graded.row(student)["by_hand"] == "0"
    assert "still the placeholder" in graded.report(student)


def assert_student_version_is_up_to_date(sheet: SheetFiles, folder: Path) -> None:
    """The committed student version is what `release` makes of the sheet today."""
    made = release(sheet.source, folder / "handout")
    assert made.name == sheet.student.name
    assert made.read_text() == sheet.student.read_text(), f"run: python -m vlm_lib.grading student {sheet.name}"


def assert_student_version_keeps_secrets(sheet: SheetFiles, *secrets: str) -> None:
    """No solution and no hidden test is left in the student version, and every cell kept its lasting id."""
    notebook = sheet.untouched()
    nbformat.validate(notebook)
    text = sheet.student.read_text()
    for secret in ("SOLUTION", "HIDDEN", "seed=", "A possible answer", *secrets):
        assert secret not in text
        assert secret in sheet.source.read_text()  # else its absence would say nothing
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for source in read_sheet(sheet.source).notebook.cells:
        assert source["id"] in ids


def assert_installs_the_library_as_chapters_do(sheet: SheetFiles) -> None:
    code = [cell for cell in sheet.untouched().cells if cell.cell_type == "code"]
    assert code[0].source == INSTALL.read_text().rstrip()


def assert_tasks_state_points_minutes_and_a_hint(sheet: SheetFiles) -> None:
    """What the statement promises is what the tests give, task by task."""
    marks = {task: 0.0 for task in sheet.points}
    for cell in read_sheet(sheet.source).notebook.cells:
        if nbgrader_of(cell).get("grade") and not nbgrader_of(cell)["solution"]:
            marks[grade_id(cell).rpartition("-")[0]] += nbgrader_of(cell)["points"]
    assert marks == sheet.points
    sections = sheet.source.read_text().split("\n## Task ")[1 : 1 + len(sheet.points)]
    for section, worth in zip(sections, sheet.points.values(), strict=True):
        assert f"({worth} points, " in section
        assert "minutes)" in section
        assert "<details><summary>Hint</summary>" in section
