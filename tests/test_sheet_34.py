"""Sheet 34_flamingo through nbgrader itself: a small class in which much goes wrong, graded once for all tests."""

import copy
import csv
from pathlib import Path

import nbformat
import pytest

from vlm_lib.grading import grade as grading
from vlm_lib.grading.release import release
from vlm_lib.grading.sheet import find_sheet, grade_id, nbgrader_of, read_sheet

EXERCISES = Path(__file__).resolve().parents[1] / "notebooks" / "exercises"
SHEET = EXERCISES / "34_flamingo.md"
STUDENT = EXERCISES / "34_flamingo_student.ipynb"
INSTALL = EXERCISES.parents[1] / "book" / "_template" / "install_cell.py"
POINTS = {"phi": 2, "mask": 3, "attention": 4, "gate": 3, "mixture": 4, "reach": 4}
TIMEOUT = 5  # seconds; no right cell takes one

ENDLESS = "def compute_phi(is_image):\n    while True:\n        pass"
# An answer that swallows the interrupt which ends a cell, and one that ends the kernel.
STUBBORN = "while True:\n    try:\n        while True:\n            pass\n    except:\n        pass"
DEADLY = "import os\n\nos._exit(1)"
ALL_PREVIOUS = """def last_image_mask(phi, num_images, tokens_per_image):
    image = torch.arange(1, num_images + 1).repeat_interleave(tokens_per_image)
    return phi[:, :, None] >= image"""
EMPTY_ROWS = """def masked_attention(q, k, v, mask):
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    return scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v"""
ROUND_ROBIN = """def mixture_step(optimizer, losses, weights):
    for loss, weight in zip(losses, weights):
        optimizer.zero_grad()
        (weight * loss()).backward()
        optimizer.step()"""


def reference():
    """The student version with the solutions of the sheet filled in."""
    solved = {cell["id"]: cell for cell in read_sheet(SHEET).notebook.cells}
    notebook = nbformat.read(STUDENT, as_version=4)
    for cell in notebook.cells:
        if nbgrader_of(cell).get("solution"):
            cell.source = solved[cell["id"]].source
    return notebook


def answered(**answers):
    """The reference with some tasks answered otherwise."""
    notebook = copy.deepcopy(reference())
    for cell in notebook.cells:
        task, _, part = (grade_id(cell) or "").rpartition("-")
        if part == "solution" and task in answers:
            cell.source = answers[task]
    return notebook


def without(notebook, *ids):
    notebook.cells = [cell for cell in notebook.cells if cell["id"] not in ids]
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder with the results of one grading run, what it said, and its results by student."""
    folder = tmp_path_factory.mktemp("class")
    submissions = folder / "submissions"
    handed_in = {
        "reference": reference(),
        "untouched": nbformat.read(STUDENT, as_version=4),
        "mistaken": answered(mask=ALL_PREVIOUS, attention=EMPTY_ROWS, mixture=ROUND_ROBIN),
        "endless": without(answered(phi=ENDLESS), "setup", "mask-solution", "mask-seen"),
        "stubborn": answered(gate=STUBBORN, reach=DEADLY),
    }
    for name, notebook in handed_in.items():
        (submissions / name).mkdir(parents=True)
        nbformat.write(notebook, submissions / name / STUDENT.name)
    (submissions / "endless" / STUDENT.name).rename(submissions / "endless.ipynb")  # handed in without a folder
    (submissions / "endless").rmdir()
    (submissions / "broken.ipynb").write_text(STUDENT.read_text()[:900])
    said = []
    results = grading.grade(SHEET, submissions, folder / "out", timeout=TIMEOUT, say=said.append)
    return folder / "out", said, {result.student: result for result in results}


def row(graded, student):
    with (graded[0] / "scores.csv").open() as file:
        (found,) = [entry for entry in csv.DictReader(file) if entry["student"] == student]
    return found


def points(graded, student):
    return {task: float(row(graded, student)[task]) for task in POINTS}


def report(graded, student):
    return (graded[0] / "reports" / f"{student}.md").read_text()


def test_the_reference_solution_gets_full_marks(graded):
    assert points(graded, "reference") == POINTS
    assert row(graded, "reference")["points"] == row(graded, "reference")["of"] == "20"
    assert "**20 of 20 points**; 4 more wait for a mark by hand" in report(graded, "reference")


def test_an_untouched_sheet_gets_nothing(graded):
    assert points(graded, "untouched") == dict.fromkeys(POINTS, 0)
    assert row(graded, "untouched")["by_hand"] == "0"  # no answer in words, so nothing waits to be marked
    assert "still the placeholder" in report(graded, "untouched")


def test_three_typical_mistakes_are_each_diagnosed_and_cost_only_their_task(graded):
    assert points(graded, "mistaken") == POINTS | {"mask": 0, "attention": 0, "mixture": 0}
    text = report(graded, "mistaken")
    for words in ("You allow all previous images", "NaN in rows with no image", "(round-robin)"):
        assert words in text
    assert "1: mask: You allow all previous images" in (graded[0] / "summary.md").read_text()


def test_an_endless_loop_ends_by_time_out_and_costs_only_its_task(graded):
    assert points(graded, "endless") == POINTS | {"phi": 0, "mask": 0}  # mask: its answer was deleted
    assert f"stopped after {TIMEOUT} s" in report(graded, "endless")


def test_a_cell_that_cannot_be_interrupted_or_kills_the_kernel_costs_only_its_task(graded):
    assert points(graded, "stubborn") == POINTS | {"gate": 0, "reach": 0}
    text = report(graded, "stubborn")
    assert f"stopped after {TIMEOUT} s" in text
    assert "ended the Python process" in text


def test_missing_cells_are_put_back_and_named(graded):
    assert "put back as the sheet has it: setup, mask-solution, mask-seen" in row(graded, "endless")["remarks"]
    assert points(graded, "endless")["attention"] == POINTS["attention"]  # the imports were deleted as well


def test_a_broken_notebook_gets_a_message_and_no_points_and_the_rest_goes_on(graded):
    entry = row(graded, "broken")
    assert (entry["status"], entry["points"]) == ("not graded", "")
    assert "not valid JSON" in entry["remarks"]
    assert "could not be graded" in report(graded, "broken")
    assert len(graded[1]) == len(graded[2]) == 6


def test_the_gradebook_and_the_executed_notebooks_are_kept(graded):
    assert (graded[0] / "nbgrader" / "gradebook.db").is_file()
    executed = graded[0] / "nbgrader" / "autograded" / "mistaken" / "34_flamingo" / "34_flamingo.ipynb"
    assert "NotYet" in executed.read_text()


def test_the_committed_student_version_is_up_to_date(tmp_path):
    made = release(SHEET, tmp_path / "handout")
    assert made.name == STUDENT.name
    assert made.read_text() == STUDENT.read_text(), "run: python -m vlm_lib.grading student 34_flamingo"


def test_the_student_version_holds_no_solution_and_no_hidden_test():
    notebook = nbformat.read(STUDENT, as_version=4)
    nbformat.validate(notebook)
    text = STUDENT.read_text()
    for secret in ("SOLUTION", "HIDDEN", "cumsum", "seed=", "A possible answer"):
        assert secret not in text
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for source in read_sheet(SHEET).notebook.cells:
        assert source["id"] in ids


def test_the_sheet_installs_the_library_as_the_chapters_do():
    code = [cell for cell in nbformat.read(STUDENT, as_version=4).cells if cell.cell_type == "code"]
    assert code[0].source == INSTALL.read_text().rstrip()


def test_each_task_has_statement_points_minutes_and_a_folded_hint():
    text = SHEET.read_text()
    marks = {task: 0.0 for task in POINTS}
    for cell in read_sheet(SHEET).notebook.cells:
        if nbgrader_of(cell).get("grade") and not nbgrader_of(cell)["solution"]:
            marks[grade_id(cell).rpartition("-")[0]] += nbgrader_of(cell)["points"]
    assert marks == POINTS
    sections = text.split("\n## Task ")[1:7]
    for section, worth in zip(sections, POINTS.values(), strict=True):
        assert f"({worth} points, " in section
        assert "minutes)" in section
        assert "<details><summary>Hint</summary>" in section


def test_a_sheet_is_found_by_its_name_from_the_root_of_the_project(monkeypatch):
    monkeypatch.chdir(EXERCISES.parents[1])
    assert find_sheet("34_flamingo").resolve() == SHEET
