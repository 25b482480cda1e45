"""Every sheet of the project: a small class, graded once for all tests, and what the sheet promises."""

import re
from collections import Counter

import nbformat
import pytest
from helpers.handed_in import answered, hand_in, rows, solutions
from helpers.tasks import EXERCISES

from vlm_lib.grading.grade import grade
from vlm_lib.grading.release import release
from vlm_lib.grading.sheet import find_sheet, grade_id, is_test, nbgrader_of, read_sheet, task_of

INSTALL = EXERCISES.parents[1] / "book" / "_template" / "install_cell.py"
SHEETS = sorted(EXERCISES.glob("*.md"))
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
# What a cell of a student may have set for all that follow.
SPOILT = """import os, random, warnings
torch.set_grad_enabled(False)
torch.set_default_dtype(torch.float64)
torch.manual_seed(7), random.seed(7)
warnings.simplefilter("error")
os.write(2, b"a native library says something")
"""


def marks_of(sheet):
    """The points that the tests of each task give."""
    points = Counter()
    for cell in read_sheet(sheet).notebook.cells:
        if is_test(cell):
            points[task_of(grade_id(cell))] += nbgrader_of(cell)["points"]
    return dict(points)


@pytest.fixture(scope="module", params=SHEETS, ids=lambda path: path.stem)
def sheet(request):
    return request.param


@pytest.fixture(scope="module")
def student(sheet):
    """The committed notebook for students."""
    return sheet.with_name(f"{sheet.stem}_student.ipynb")


@pytest.fixture(scope="module")
def graded(sheet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    right = solutions(sheet)
    first = next(iter(right))
    handed_in = {
        "right": answered(sheet, right | {first: SPOILT + right[first]}),
        "untouched": answered(sheet, {}),
        "one error": answered(sheet, right | {first: "1 / 0"}),
    }
    grade(sheet, hand_in(folder / "in", handed_in), folder / "out", say=lambda line: None)
    return folder / "out"


def earned(graded, name, sheet):
    return {task: float(rows(graded)[name][task]) for task in marks_of(sheet)}


def test_the_solutions_get_full_marks_whatever_a_cell_has_set(graded, sheet):
    assert earned(graded, "right", sheet) == marks_of(sheet)
    row = rows(graded)["right"]
    assert row["points"] == row["of"] == "20"
    assert (
        f"**20 of 20 points**; {row['by_hand']} more wait for a mark"
        in (graded / "reports" / "right.md").read_text()
    )


def test_an_untouched_sheet_gets_nothing_and_is_told_so(graded, sheet):
    assert set(earned(graded, "untouched", sheet).values()) == {0}
    assert rows(graded)["untouched"]["by_hand"] == "0"
    report = (graded / "reports" / "untouched.md").read_text()
    assert "still the placeholder" in report


def test_an_error_costs_only_its_task_and_is_quoted(graded, sheet):
    first, *_ = marks_of(sheet)
    assert earned(graded, "one error", sheet) == marks_of(sheet) | {first: 0}
    assert "ZeroDivisionError" in (graded / "reports" / "one error.md").read_text()
    assert "ZeroDivisionError" in (graded / "executed" / "one error.ipynb").read_text()


def test_answers_in_words_are_listed_for_the_teacher(graded, sheet):
    text = (graded / "by_hand.md").read_text()
    words = [source for name, source in solutions(sheet).items() if task_of(name) not in marks_of(sheet)]
    for source in words:
        for line in source.splitlines():
            assert f"> {line}" in text
    assert text.count("**right** (up to") == len(words)
    assert "**untouched**" not in text


def test_the_committed_student_version_is_up_to_date(sheet, student, tmp_path):
    made = release(sheet, tmp_path)
    assert made.name == student.name
    assert made.read_text() == student.read_text(), f"run: python -m vlm_lib.grading student {sheet.stem}"


def test_the_student_version_holds_no_solution_and_no_hidden_test(sheet, student):
    notebook = nbformat.read(student, as_version=4)
    nbformat.validate(notebook)
    there = {line.strip() for cell in notebook.cells for line in cell.source.splitlines()}
    given = solutions(sheet)
    secret = [
        line.strip()
        for source in given.values()
        for part in SOLUTION.findall(source)
        for line in part.splitlines()
    ]
    secret += [
        line.strip() for name in given if task_of(name) not in marks_of(sheet) for line in given[name].splitlines()
    ]
    assert len(secret) > 10
    assert there.isdisjoint(filter(None, secret))
    for mark in ("SOLUTION", "HIDDEN", "seed="):
        assert mark in sheet.read_text()
        assert mark not in student.read_text()


def test_every_cell_keeps_its_lasting_id(sheet, student):
    ids = [cell["id"] for cell in nbformat.read(student, as_version=4).cells]
    assert ids == [cell["id"] for cell in read_sheet(sheet).notebook.cells]
    assert len(set(ids)) == len(ids)


def test_the_sheet_installs_the_library_as_the_chapters_do(student):
    code = [cell for cell in nbformat.read(student, as_version=4).cells if cell.cell_type == "code"]
    assert code[0].source == INSTALL.read_text().rstrip()


def test_each_task_has_statement_points_minutes_and_a_folded_hint(sheet):
    points = marks_of(sheet)
    sections = sheet.read_text().split("\n## Task ")[1 : 1 + len(points)]
    for section, worth in zip(sections, points.values(), strict=True):
        assert f"({worth} points, " in section
        assert "minutes)" in section
        assert "<details><summary>Hint</summary>" in section


def test_a_sheet_is_found_by_its_name_from_the_root_of_the_project(sheet, monkeypatch):
    monkeypatch.chdir(EXERCISES.parents[1])
    assert find_sheet(sheet.stem).resolve() == sheet
