"""Finding what each student handed in: an .ipynb, or a folder with one somewhere in it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from vlm_lib.grading.files import key_of, shown
from vlm_lib.grading.intake import SubmissionError
from vlm_lib.grading.sheet import SheetError

IGNORED = ("__MACOSX", "__pycache__")


@dataclass(frozen=True)
class Submission:
    """What one student handed in: a folder or a file. `key` names its results; `notes` are for the teacher."""

    student: str
    path: Path
    key: str
    notes: tuple[str, ...] = ()


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in IGNORED


def collect(folder: str | Path) -> list[Submission]:
    """All submissions in a folder, in the order of their names. Raises: SheetError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise SheetError(
            f"submissions: found no folder {folder}, expected one with a folder or .ipynb per student"
        )
    names = sorted(name for name in os.listdir(folder) if not _hidden(name))
    if not names:
        raise SheetError(f"submissions: {folder} is empty, expected a folder or an .ipynb for each student")
    twice = Counter(name.removesuffix(".ipynb") for name in names)
    found = []
    for name in names:
        student = name.removesuffix(".ipynb")
        shared = twice[student] > 1
        notes = (f"two submissions have this name; this is {shown(name)}",) if shared else ()
        found.append(Submission(shown(student), folder / name, key_of(name if shared else student), notes))
    return found


def _notebooks(folder: Path) -> list[Path]:
    """All .ipynb files below a folder; what cannot be listed is an error, not an absence."""

    def refuse(error: OSError) -> None:
        raise error

    inside = []
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not _hidden(name)]
        inside += [Path(place) / name for name in files if name.endswith(".ipynb") and not _hidden(name)]
    return sorted(inside)


def find_notebook(path: Path, sheet: str) -> tuple[Path, list[str]]:
    """The notebook to grade, and what the teacher should know about it. Raises: SubmissionError.

    In a folder with several it is the one whose name begins with the sheet's. Two such (a second download is named
    `x (1).ipynb`) are two answers, and only the student knows which one is meant.
    """
    if path.is_symlink() and not path.exists():
        raise SubmissionError("this is a link to nothing, expected a notebook or a folder with one")
    if not path.is_dir():
        if path.suffix != ".ipynb" or not path.is_file():
            raise SubmissionError(f"{shown(path.name)} is no notebook, expected an .ipynb or a folder with one")
        return path, []
    inside = _notebooks(path)
    named = [file for file in inside if file.name.startswith(sheet)]
    candidates = named or inside
    listed = ", ".join(shown(str(file.relative_to(path))) for file in inside) or "no notebook at all"
    if len(candidates) != 1:
        raise SubmissionError(
            f"the folder holds {listed}; expected one notebook, or one with a name such as {sheet}_student.ipynb"
        )
    if len(inside) > 1:
        return candidates[0], [f"the folder holds {listed}; graded: {shown(candidates[0].name)}"]
    if not named:
        return candidates[0], [f"the file is named {shown(inside[0].name)}, the sheet {sheet}_student.ipynb"]
    return candidates[0], []


def read_bytes(path: Path) -> bytes:
    """A submitted file. Raises: SubmissionError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"the file cannot be read: {error.strerror}") from error
