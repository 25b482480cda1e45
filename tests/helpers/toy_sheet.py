"""A sheet that is graded in a second: two tasks of three points each, and two points for an answer in words."""

import json
from pathlib import Path

HEAD = "---\njupytext:\n  text_representation:\n    extension: .md\n    format_name: myst\n---\n\n# Toy\n\n"
PLACEHOLDER = "def {0}(x):\n    y = 0\n    ### BEGIN SOLUTION\n    {1}\n    ### END SOLUTION\n    return y"
HIDDEN = "### BEGIN HIDDEN TESTS\nassert {0}(10) == {1}\n### END HIDDEN TESTS"
RIGHT = {
    "double-solution": "def double(x):\n    return 2 * x",
    "square-solution": "def square(x):\n    return x * x",
}
MOST = 6


def marks(name: str, **changed) -> str:
    """nbgrader's metadata for a cell of the sheet's own; `changed` makes an answer or a test of it."""
    plain = {"grade": False, "locked": True, "schema_version": 3, "solution": False, "task": False}
    return json.dumps({"nbgrader": {"grade_id": name, **plain, **changed}})


def answer_cell(name: str, source: str = "x = 1") -> str:
    return code(marks(name, solution=True, locked=False), source)


def graded_cell(name: str, source: str = "x = 1", **points) -> str:
    return code(marks(name, grade=True, **points), source)


def code(metadata: str, source: str) -> str:
    return f"```{{code-cell}} ipython3\n---\n{metadata}\n---\n{source}\n```\n"


def write_sheet(folder: Path, blocks: list[str], name: str = "toy") -> Path:
    """A sheet made of the given cells."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(HEAD + "\n".join(blocks))
    return path


def toy_sheet(folder: Path, name: str = "toy", setup: str = "import os, time") -> Path:
    blocks = [code(marks("setup"), setup)]
    for task, solution, seen, unseen in (("double", "y = 2 * x", 6, 20), ("square", "y = x * x", 9, 100)):
        blocks += [
            answer_cell(f"{task}-solution", PLACEHOLDER.format(task, solution)),
            graded_cell(f"{task}-seen", f"assert {task}(3) == {seen}", points=1),
            graded_cell(f"{task}-unseen", HIDDEN.format(task, unseen), points=2),
        ]
    words = marks("why-answer", grade=True, solution=True, locked=False, points=2)
    return write_sheet(folder, [*blocks, f"+++ {words}\n\nBecause."], name)
