"""The folder that nbgrader works in for one sheet: source, release, submitted, autograded and a gradebook."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from traitlets.config import Config

from vlm_lib.grading.execute import ExecuteEveryCell
from vlm_lib.grading.sheet import Sheet, SheetError

CODE_STUB = "# YOUR CODE HERE"  # without `raise NotImplementedError`: each skeleton has a placeholder that runs
TEXT_STUB = "*Your answer here.*"


@contextmanager
def quiet_nbgrader() -> Iterator[None]:
    """Let nbgrader find the `alembic` of this interpreter, and keep its database layer's warnings to itself."""
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ["PATH"] = path


class Course:
    """nbgrader's view of one sheet under `root`. `timeout`: seconds that a cell may take."""

    def __init__(self, root: Path, sheet: Sheet, timeout: int = 30):
        self.root, self.sheet = root.resolve(), sheet
        self.config = Config()
        self.config.CourseDirectory.root = str(self.root)
        self.config.CourseDirectory.assignment_id = sheet.name
        self.config.ClearSolutions.code_stub = {"python": CODE_STUB}
        self.config.ClearSolutions.text_stub = TEXT_STUB
        self.config.ExecuteEveryCell.timeout = timeout
        default = Autograde.autograde_preprocessors.default_args[0]
        steps = [ExecuteEveryCell if step.__name__ == "Execute" else step for step in default]
        self.config.Autograde.autograde_preprocessors = steps

    @property
    def gradebook(self) -> str:
        """The address of the gradebook."""
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def file(self, step: str, student: str = ".") -> Path:
        """The notebook of one step: "source", "release", or "submitted" and "autograded" for a student."""
        return self.root / step / student / self.sheet.name / f"{self.sheet.name}.ipynb"

    def run(self, converter: type[BaseConverter], student: str = ".") -> str | None:
        """Run one of nbgrader's steps; returns what went wrong, or None."""
        folder = CourseDirectory(config=self.config)
        folder.student_id, folder.db_url = student, self.gradebook
        with quiet_nbgrader():
            result = capture_log(converter(coursedir=folder, config=self.config))
        return None if result["success"] else result.get("log") or result["error"]

    def generate(self) -> NotebookNode:
        """Write the source tree, enter the tasks in the gradebook, and return the students' version."""
        self.file("source").parent.mkdir(parents=True)
        nbformat.write(self.sheet.notebook, self.file("source"))
        problem = self.run(GenerateAssignment)
        if problem:
            raise SheetError(f"sheet: nbgrader cannot use {self.sheet.path}:\n{problem}")
        return nbformat.read(self.file("release"), as_version=4)

    def autograde(self, student: str) -> str | None:
        """Execute and grade one submission that lies in the tree; returns what went wrong, or None."""
        return self.run(Autograde, student)
