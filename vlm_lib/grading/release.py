"""The students' version of a sheet: solutions and hidden tests removed, the same bytes each time it is made."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat

from vlm_lib.grading.course import Course
from vlm_lib.grading.sheet import Sheet, read_sheet


def student_version(sheet: Sheet) -> str:
    """The text of the students' notebook. Raises: SheetError if nbgrader refuses the sheet."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = Course(Path(folder), sheet).generate()
    for cell, source in zip(notebook.cells, sheet.notebook.cells, strict=True):
        cell["id"] = source["id"]
    return nbformat.writes(notebook) + "\n"


def write_whole(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def release(sheet: str | Path, out: str | Path) -> Path:
    """Write the students' version of `sheet` into the folder `out`, for a course. Raises: SheetError."""
    source = read_sheet(sheet)
    return write_whole(Path(out) / f"{source.name}_student.ipynb", student_version(source))


def student(sheet: str | Path) -> Path:
    """Write the students' version beside the sheet: the committed file that Colab opens. Raises: SheetError."""
    source = read_sheet(sheet)
    return write_whole(source.path.with_name(f"{source.name}_student.ipynb"), student_version(source))
