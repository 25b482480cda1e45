"""Every task of every sheet: its checker, the cells that answer it, and answers that no checker expects."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
import torch
from nbformat import NotebookNode

import vlm_lib.grading
from vlm_lib.grading.kit import Task
from vlm_lib.grading.sheet import grade_id, read_sheet

EXERCISES = Path(__file__).resolve().parents[2] / "notebooks" / "exercises"
HIDDEN_TEST = re.compile(r"^(check_\w+)\((\w+), seed=(\d+)\)\.require\(\)$", re.MULTILINE)


@dataclass(frozen=True)
class SheetTask:
    """A task as its sheet has it: the checker's and the answer's names, and the seed of the hidden test."""

    sheet: str
    checker: str
    answer: str
    seed: int


def checkers() -> dict[str, Task]:
    """The checkers that the library offers, one package a chapter, by name."""
    rooms = [room.name for room in pkgutil.iter_modules(vlm_lib.grading.__path__) if room.ispkg]
    modules = [importlib.import_module(f"vlm_lib.grading.{room}") for room in rooms if room != "kit"]
    return {name: getattr(module, name) for module in modules for name in module.__all__}


def sheet_tasks() -> Iterator[SheetTask]:
    """The tasks of all sheets, as their hidden tests call the checkers."""
    for path in sorted(EXERCISES.glob("*.md")):
        for checker, answer, seed in HIDDEN_TEST.findall(path.read_text()):
            yield SheetTask(path.stem, checker, answer, int(seed))


def as_module(source: str, path: Path) -> ModuleType:
    """A module of its own with this source, imported from a file at `path`."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def answers_of(cells: list[NotebookNode], path: Path) -> ModuleType:
    """What the set-up cell and the cells to answer in define."""
    code = [cell.source for cell in cells if (grade_id(cell) or "").endswith(("setup", "-solution"))]
    return as_module("\n\n".join(code), path)


def solutions(sheet: str, folder: Path) -> ModuleType:
    """The sheet's own solutions."""
    return answers_of(read_sheet(EXERCISES / f"{sheet}.md").notebook.cells, folder / f"solutions_{sheet}.py")


def skeletons(sheet: str, folder: Path) -> ModuleType:
    """The answers as the sheet is handed out."""
    notebook = nbformat.read(EXERCISES / f"{sheet}_student.ipynb", as_version=4)
    return answers_of(notebook.cells, folder / f"skeletons_{sheet}.py")


def leaves(*_):
    raise SystemExit(3)


NONSENSE = pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="none"),
        pytest.param(3, id="number"),
        pytest.param("text", id="text"),
        pytest.param(torch.nn.Linear(2, 2), id="module"),
        pytest.param(dict, id="class"),
        pytest.param(lambda: None, id="no-arguments"),
        pytest.param(lambda *_: 1 / 0, id="raises"),
        pytest.param(leaves, id="leaves-python"),
        pytest.param(lambda *_: None, id="gives-none"),
        pytest.param(lambda *_: "text", id="gives-text"),
        pytest.param(lambda *_: {"a": 1}, id="gives-dict"),
        pytest.param(lambda *_: 10**400, id="gives-huge-int"),
        pytest.param(lambda *_: [[1], [2, 3]], id="gives-ragged-list"),
        pytest.param(lambda *_: np.array(["a"]), id="gives-array-of-text"),
        pytest.param(lambda *_: (x for x in ()), id="gives-generator"),
        pytest.param(lambda *_: torch.zeros(2), id="wrong-shape"),
        pytest.param(lambda *_: torch.tensor(torch.nan), id="gives-nan"),
        pytest.param(lambda *_: torch.zeros(2, 2).to_sparse(), id="gives-sparse"),
        pytest.param(lambda *_: torch.zeros(2, dtype=torch.complex64), id="gives-complex"),
        pytest.param(lambda first, *_: first, id="gives-its-input"),
    ],
)
