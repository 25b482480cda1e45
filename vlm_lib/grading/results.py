"""The folder of a class's results: complete after each submission, so that a run may be cut short.

scores.csv  summary.md  by_hand.md      the class so far
reports/STUDENT.md                      what a student is given back
executed/STUDENT.ipynb                  the notebook that was run, with its outputs
results/STUDENT.json, grading.json      what a later run needs to go on
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode

import vlm_lib
from vlm_lib.grading.files import child, write_whole
from vlm_lib.grading.scores import Result, Score
from vlm_lib.grading.sheet import SheetError
from vlm_lib.grading.written import by_hand, scores_csv, student_report, summary


def _sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Results:
    """The results of one sheet in the folder `out`. `released` and `timeout` are what they depend on."""

    def __init__(self, out: Path, sheet: str, released: NotebookNode, timeout: float):
        self.out, self.sheet = out, sheet
        self._marker = out / "grading.json"
        library = sorted(Path(vlm_lib.__file__).parent.rglob("*.py"))
        ours = json.dumps([released, timeout, version("torch")])
        self._common = _sha256(ours.encode(), *(file.read_bytes() for file in library)).encode()

    def open(self) -> str:
        """Make the folder, or go on in one of the same sheet; says if a table that was edited had to be put aside.

        Raises: SheetError for a folder that holds anything else.
        """
        if not self._marker.is_file():
            if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
                raise SheetError(f"out: {self.out} holds something already, expected a new or empty folder")
            self._mark("")
            return ""
        known = json.loads(self._marker.read_text())
        if known["sheet"] != self.sheet:
            raise SheetError(
                f"out: {self.out} holds marks of sheet {known['sheet']}, expected those of {self.sheet}"
            )
        table = self.out / "scores.csv"
        if not table.is_file() or _sha256(table.read_bytes()) == known["scores"]:
            return ""
        number = 1 + sum(1 for _ in self.out.glob("scores_edited_*.csv"))
        aside = table.rename(self.out / f"scores_edited_{number}.csv")
        return f"scores.csv was edited since grading wrote it, and is kept as {aside.name}"

    def _mark(self, scores: str) -> None:
        write_whole(self._marker, json.dumps({"sheet": self.sheet, "scores": scores}) + "\n")

    def basis(self, answers: dict[str, str], notes: tuple[str, ...]) -> str:
        """A checksum of all that a result depends on: answers, notes, sheet, time limit, library."""
        return _sha256(self._common, json.dumps([sorted(answers.items()), notes]).encode())

    def kept(self, key: str, basis: str) -> Result | None:
        """The result of an earlier run, if all that it depends on is still the same."""
        file = child(self.out / "results", f"{key}.json")
        if not file.is_file():
            return None
        entry = json.loads(file.read_text(encoding="utf-8"))
        return Result.from_json(entry["result"]) if entry["basis"] == basis else None

    def write(self, result: Result, executed: NotebookNode | None, basis: str) -> None:
        """Write what belongs to one submission; a result that is kept comes last, when the rest is there."""
        notebook = child(self.out / "executed", f"{result.key}.ipynb")
        if executed:
            write_whole(notebook, json.dumps(executed, indent=1) + "\n")
        else:
            notebook.unlink(missing_ok=True)
        write_whole(child(self.out / "reports", f"{result.key}.md"), student_report(result, self.sheet))
        if not result.problem:
            entry = {"basis": basis, "result": result.to_json()}
            write_whole(child(self.out / "results", f"{result.key}.json"), json.dumps(entry) + "\n")

    def write_class(self, results: list[Result], columns: tuple[Score, ...]) -> None:
        """Write what belongs to the class so far. `columns` are the graded cells of the sheet."""
        table = self.out / "scores.csv"
        write_whole(table, scores_csv(results, columns))
        self._mark(_sha256(table.read_bytes()))
        write_whole(self.out / "summary.md", summary(results, self.sheet))
        write_whole(self.out / "by_hand.md", by_hand(results, self.sheet))
