"""Taking in submissions: finding each student's notebook, and putting back what is missing from it."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from vlm_lib.grading.sheet import SheetError, grade_id, nbgrader_of

NEW_CELL = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
IGNORED = ("__MACOSX", "__pycache__")


class SubmissionError(ValueError):
    """A submission that cannot be graded; the message is for the teacher and the student."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in: a folder or an .ipynb. `key` names it in nbgrader's tree."""

    student: str
    path: Path
    key: str


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name in IGNORED


def collect(folder: str | Path) -> list[Submission]:
    """All submissions in a folder, each a student's folder or .ipynb. Raises: SheetError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise SheetError(
            f"submissions: found no folder {folder}, expected one with a folder or .ipynb per student"
        )
    paths = sorted(path for path in folder.iterdir() if not _hidden(path))
    if not paths:
        raise SheetError(f"submissions: {folder} is empty, expected a folder or an .ipynb for each student")
    found, taken = [], set()
    for path in paths:
        student = path.name if path.is_dir() else path.name.removesuffix(".ipynb")
        key = re.sub(r"[^\w.-]+", "_", student)
        while key in taken:  # a folder and a file of the same name are two submissions, and both are kept
            key += "_2"
        taken.add(key)
        found.append(Submission(student, path, key))
    return found


def find_notebook(path: Path, sheet_name: str) -> Path:
    """The notebook to grade: the file itself, or the one in a student's folder. Raises: SubmissionError."""
    if path.is_file():
        if path.suffix != ".ipynb":
            raise SubmissionError(f"{path.name} is no notebook: expected an .ipynb, or a folder with one")
        return path
    inside = [
        file
        for file in sorted(path.rglob("*.ipynb"))
        if not any(map(_hidden, [file, *file.relative_to(path).parents][:-1]))
    ]
    named = [file for file in inside if file.stem in (sheet_name, f"{sheet_name}_student")]
    candidates = named if len(inside) > 1 else inside
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(str(file.relative_to(path)) for file in inside) or "no notebook at all"
    expected = f"expected one notebook, or one named {sheet_name}_student.ipynb"
    raise SubmissionError(f"the folder holds {names}; {expected}")


def read_notebook(path: Path) -> NotebookNode:
    """A submitted notebook's cells, without outputs. Raises: SubmissionError if the file is not a notebook."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SubmissionError(f"{path.name} is not a text file ({error}); expected a notebook") from error
    except json.JSONDecodeError as error:
        raise SubmissionError(f"{path.name} is damaged: not valid JSON ({error})") from error
    if not isinstance(data, dict) or not isinstance(data.get("cells"), list):
        raise SubmissionError(f"{path.name} has no list of cells; expected a notebook in format 4")
    notebook = new_notebook()
    for number, cell in enumerate(data["cells"]):
        if not isinstance(cell, dict) or cell.get("cell_type") not in NEW_CELL or "source" not in cell:
            raise SubmissionError(f"{path.name} is damaged: cell {number} is not a notebook's cell")
        metadata = NotebookNode(cell.get("metadata") or {})
        for key, value in metadata.items():
            metadata[key] = NotebookNode(value) if isinstance(value, dict) else value
        new = NEW_CELL[cell["cell_type"]]("".join(cell["source"]), metadata=metadata)
        new["id"] = str(cell.get("id") or metadata.get("id") or number)  # Colab keeps ids in the metadata
        notebook.cells.append(new)
    return notebook


def restore(notebook: NotebookNode, released: NotebookNode) -> list[str]:
    """Give the sheet's cells in a submission their metadata back, and add those that are missing; returns notes.

    Raises: SubmissionError if the notebook has none of the sheet's cells.
    """
    ours = {grade_id(cell): cell for cell in released.cells if grade_id(cell)}
    present: dict[str, NotebookNode] = {}
    notes = []
    for number, cell in enumerate(notebook.cells):
        name = grade_id(cell) or cell["id"]
        cell.metadata.pop("nbgrader", None)
        cell["id"] = f"own-{number}"
        if name in present:
            notes.append(f"the cell {name} stands there twice; the first one was graded")
        elif name in ours:
            cell.metadata["nbgrader"] = copy.deepcopy(nbgrader_of(ours[name]))
            cell["id"] = name
            present[name] = cell
    if not present:
        raise SubmissionError("none of the sheet's cells is in this notebook: is it another sheet's?")
    missing = [name for name in ours if name not in present]
    if missing:
        notes.append(f"missing, and put back as the sheet has it: {', '.join(missing)}")
    after = 0
    for name, cell in ours.items():
        if name in present:
            after = next(index for index, own in enumerate(notebook.cells) if own is present[name]) + 1
        else:
            notebook.cells.insert(after, copy.deepcopy(cell))
            after += 1
    return notes
