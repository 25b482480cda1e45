"""What students hand in, and what they get: notebooks of any sheet with answers, and the table of points."""

import csv
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from vlm_lib.grading.release import student_version
from vlm_lib.grading.sheet import grade_id, is_answer, read_sheet


def answered(sheet: Path, answers: dict[str, str]) -> NotebookNode:
    """The student version of a sheet with some answers written into it."""
    notebook = student_version(read_sheet(sheet))
    for cell in notebook.cells:
        cell.source = answers.get(grade_id(cell), cell.source)
    return notebook


def solutions(sheet: Path) -> dict[str, str]:
    """The answers that the sheet itself gives."""
    return {grade_id(cell): cell.source for cell in read_sheet(sheet).notebook.cells if is_answer(cell)}


def hand_in(folder: Path, notebooks: dict[str, NotebookNode]) -> Path:
    """Write each student's notebook into a folder of their name; returns the folder of all."""
    for name, notebook in notebooks.items():
        (folder / name).mkdir(parents=True)
        nbformat.write(notebook, folder / name / "sheet.ipynb")
    return folder


def rows(out: Path) -> dict[str, dict[str, str]]:
    """The table of points, a row for each student."""
    with (out / "scores.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}
