"""The directive `{course}`: per chapter what a teacher plans with.

Goals come from the chapter's head, its seconds from its last stored output, minutes and points from the sheet, and
misconceptions from the mistakes that the sheet's checkers recognise. Nothing is written twice.
"""

import importlib
import re
from pathlib import Path

import jupytext
import nbformat
from docutils import nodes
from excerpts import formulas_as_text
from sheets import summary, to_chapter
from sphinx.util.docutils import SphinxDirective

from vlm_lib.grading.kit import Task

GOALS = re.compile(r"^After this chapter you can\n\n(.*?)\n\n", re.MULTILINE | re.DOTALL)
TOOK = re.compile(r"(\d+) s(?: of processor time)?\.?$", re.MULTILINE)
PACKAGE = re.compile(r"^from (vlm_lib\.grading\.\w+) import", re.MULTILINE)


def goals(text: str) -> list[str]:
    """What a reader can do after the chapter, from its text half."""
    found = GOALS.search(text)
    return (
        [" ".join(item.split()).rstrip(";.") for item in re.split(r"^- ", found[1], flags=re.M)[1:]]
        if found
        else []
    )


def seconds(notebook: nbformat.NotebookNode) -> int | None:
    """How long the chapter's stored run took, as its last output says."""
    said = ""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            said = output.get("text") or output.get("data", {}).get("text/markdown") or said
    found = TOOK.search(said.strip())
    return int(found[1]) if found else None


def misconceptions(sheet: str) -> list[tuple[str, list[str]]]:
    """Per task of a sheet its name and what its checker says to the mistakes that it knows."""
    package = importlib.import_module(PACKAGE.search(sheet)[1])
    tasks = [value for value in vars(package).values() if isinstance(value, Task)]
    order = {name: place for place, name in enumerate(re.findall(r"import (check_\w+)$", sheet, re.M))}
    tasks.sort(key=lambda task: order.get(f"check_{task.name}", len(order)))
    return [(task.name, list(dict.fromkeys(m.message for m in task.mistakes.values()))) for task in tasks]


def plain(text: str) -> str:
    """Text without emphasis, its formulas in readable form."""
    return formulas_as_text(text).replace("*", "")


class Course(SphinxDirective):
    """A section per chapter that stands."""

    def run(self) -> list[nodes.Node]:
        root, found = Path(self.env.srcdir), []
        for path in sorted((root / "notebooks").glob("[0-9]*.md")):
            for file in (path, path.with_suffix(".ipynb"), root / "notebooks" / "exercises" / path.name):
                self.env.note_dependency(str(file))
            found.append(self.chapter(path, root / "notebooks" / "exercises" / path.name))
        return found

    def chapter(self, path: Path, sheet: Path) -> nodes.section:
        text = jupytext.read(path).cells[0].source
        title = re.search(r"^# (.*)$", text, re.M)[1]
        section = nodes.section(ids=[f"teach-{path.stem}"])
        name = f"{path.stem[:2]} {plain(title)}"
        section += nodes.title("", "", to_chapter(path.stem, name, self.env.docname))
        took = seconds(nbformat.read(path.with_suffix(".ipynb"), as_version=4))
        line = f"The stored run took {took} seconds. " if took else ""
        if sheet.is_file():
            _, tasks, points, by_hand, minutes = summary(sheet.read_text())
            line += f"Sheet: {tasks} tasks, {points} points and {by_hand} by hand, {minutes} minutes."
        section += nodes.paragraph("", line)
        wanted = nodes.bullet_list()
        wanted += [nodes.list_item("", nodes.paragraph("", plain(goal))) for goal in goals(text)]
        section += wanted
        if sheet.is_file():
            section += nodes.raw(
                "", "<details><summary>Misconceptions that the sheet's checkers know</summary>", format="html"
            )
            for name, messages in misconceptions(sheet.read_text()):
                section += nodes.paragraph("", "", nodes.strong("", name.replace("_", " ")))
                said = nodes.bullet_list()
                said += [nodes.list_item("", nodes.paragraph("", message)) for message in messages]
                section += said
            section += nodes.raw("", "</details>", format="html")
        return section


def setup(app):
    app.add_directive("course", Course)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
