"""Reading a problem sheet: one .md file (jupytext MyST) with statement, solution and tests.

A sheet's cells carry nbgrader's metadata. Their `grade_id` is the task's name and a part, such as `phi-solution`
(where students write), `phi-seen` (a test that they can run) and `phi-unseen` (a test with hidden lines). The test
cells of a task count separately, so that part of a task is worth part of its points.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode, from_dict

EXERCISES = Path("notebooks") / "exercises"
LABEL = "vlm_lib"  # the notebook's own metadata under this name say which sheet it is


class SheetError(ValueError):
    """A sheet or a folder that cannot be used; the message says why and what would be expected."""


@dataclass(frozen=True)
class Sheet:
    """A problem sheet: its name (34_flamingo), its file, and its cells, each with a lasting id."""

    name: str
    path: Path
    notebook: NotebookNode


def nbgrader_of(cell: NotebookNode) -> dict:
    """nbgrader's metadata of a cell, empty for a cell of plain text or code."""
    return cell.metadata.get("nbgrader", {})


def grade_id(cell: NotebookNode) -> str | None:
    """The name under which nbgrader knows a cell, None for a cell that it leaves alone."""
    return nbgrader_of(cell).get("grade_id")


def is_answer(cell: NotebookNode) -> bool:
    """Whether students write in this cell."""
    return bool(nbgrader_of(cell).get("solution"))


def is_test(cell: NotebookNode) -> bool:
    """Whether this cell's code gives points."""
    return bool(nbgrader_of(cell).get("grade")) and not is_answer(cell)


def task_of(name: str) -> str:
    """The task that a cell belongs to: `phi` for `phi-seen`."""
    return name.rpartition("-")[0] or name


def find_sheet(sheet: str | Path) -> Path:
    """The file of a sheet given by path or, from the root of the project, by name. Raises: SheetError."""
    path = Path(sheet)
    for candidate in (path, EXERCISES / f"{sheet}.md"):
        if candidate.is_file():
            if candidate.suffix != ".md":
                raise SheetError(f"sheet: got {candidate}, expected the sheet's source, an .md file")
            return candidate
    there = ", ".join(sorted(file.stem for file in EXERCISES.glob("*.md"))) or "none"
    raise SheetError(f"sheet: found no file {path}, and no sheet of this name in {EXERCISES} (there: {there})")


def read_sheet(sheet: str | Path) -> Sheet:
    """Read a sheet and check that it can be graded. Raises: SheetError naming the cell and what is wrong."""
    path = find_sheet(sheet)
    notebook = jupytext.read(path, fmt="md:myst")
    marked = [cell for cell in notebook.cells if grade_id(cell)]
    tests = [cell for cell in marked if nbgrader_of(cell).get("grade")]
    if not tests:
        raise SheetError(f"sheet: {path} has no task, expected at least one cell with nbgrader's `grade: true`")
    twice = [name for name, count in Counter(map(grade_id, marked)).items() if count > 1]
    if twice:
        raise SheetError(f"sheet: {path} uses grade_id {twice[0]!r} for several cells, expected a name for each")
    for cell in tests:
        if "points" not in nbgrader_of(cell):
            raise SheetError(f"sheet: the test cell {grade_id(cell)!r} in {path} has no `points`")
    answers = {task_of(grade_id(cell)) for cell in marked if nbgrader_of(cell).get("solution")}
    for cell in tests:
        if task_of(grade_id(cell)) not in answers:
            raise SheetError(f"sheet: the test cell {grade_id(cell)!r} in {path} has no cell to answer in")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = grade_id(cell) or f"cell-{number:02d}"  # made anew by jupytext at each reading otherwise
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = from_dict({"kernelspec": kernel, LABEL: {"sheet": path.stem}})
    return Sheet(path.stem, path, notebook)
