"""The versions of a sheet: what students get, and what grading runs their answers in.

nbgrader's own preprocessors make both, in memory, so that a sheet stays an nbgrader assignment; nbgrader's
folders, gradebook and execution are not used.
"""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

from vlm_lib.grading.files import write_whole
from vlm_lib.grading.sheet import Sheet, SheetError, read_sheet

CODE_STUB = "# YOUR CODE HERE"  # without `raise NotImplementedError`: each skeleton has a placeholder that runs
TEXT_STUB = "*Your answer here.*"
CONFIG = Config({"ClearSolutions": {"code_stub": {"python": CODE_STUB}, "text_stub": TEXT_STUB}})
FOR_GRADING = (LockCells, ClearSolutions, ClearOutput, CheckCellMetadata)
FOR_STUDENTS = (*FOR_GRADING, ClearHiddenTests, ClearMarkScheme, ComputeChecksums, CheckCellMetadata)


def _processed(sheet: Sheet, steps: tuple) -> NotebookNode:
    notebook, resources = copy.deepcopy(sheet.notebook), {}
    for step in steps:
        try:
            notebook, resources = step(config=CONFIG).preprocess(notebook, resources)
        except Exception as error:  # nbgrader raises a bare RuntimeError, and validators' own classes
            raise SheetError(f"sheet: nbgrader cannot use {sheet.path}: {error}") from error
    return notebook


def grading_version(sheet: Sheet) -> NotebookNode:
    """The sheet with placeholders for solutions, and with its hidden tests. Raises: SheetError."""
    return _processed(sheet, FOR_GRADING)


def student_version(sheet: Sheet) -> NotebookNode:
    """The sheet without solutions and without hidden tests. Raises: SheetError."""
    return _processed(sheet, FOR_STUDENTS)


def _write(sheet: Sheet, folder: Path) -> Path:
    path = folder / f"{sheet.name}_student.ipynb"
    write_whole(path, nbformat.writes(student_version(sheet)) + "\n")
    return path


def release(sheet: str | Path, out: str | Path) -> Path:
    """Write the students' version of `sheet` into the folder `out`, for a course. Raises: SheetError."""
    return _write(read_sheet(sheet), Path(out))


def student(sheet: str | Path) -> Path:
    """Write the students' version beside the sheet: the committed file that Colab opens. Raises: SheetError."""
    source = read_sheet(sheet)
    return _write(source, source.path.parent)
