"""The directive `{sheets}`: every problem sheet with its tasks, points, minutes, and the notebook for students.

All of it is read from the headings of the sheets, `## Task 1. Name (2 points, 10 minutes)`; a test compares the
points with those that grading gives.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

COLAB = "https://colab.research.google.com/github/"
TASK = re.compile(r"^## Task \d+\. .+ \((\d+) points, (\d+) minutes(, marked by your teacher)?\)$", re.M)
TITLE = re.compile(r"^# Problem sheet \d+: (.+)$", re.M)


def summary(text: str) -> tuple[str, int, int, int, int]:
    """Title, tasks, points that the checkers give, points that the teacher gives, and minutes of a sheet."""
    tasks = [(int(points), int(minutes), bool(by_hand)) for points, minutes, by_hand in TASK.findall(text)]
    by_hand = sum(points for points, _, marked in tasks if marked)
    points = sum(points for points, _, _ in tasks)
    return TITLE.search(text)[1], len(tasks), points - by_hand, by_hand, sum(minutes for _, minutes, _ in tasks)


def to_chapter(name: str, title: str, docname: str) -> addnodes.pending_xref:
    """A link from the page `docname` to a chapter."""
    link = addnodes.pending_xref("", nodes.inline("", title), refdomain="std", reftype="doc",
                                 reftarget=f"/notebooks/{name}", refexplicit=True)  # fmt: skip
    link["refdoc"] = docname
    return link


class Sheets(SphinxDirective):
    """A table with one row a sheet."""

    def run(self) -> list[nodes.Node]:
        folder = Path(self.env.srcdir) / "notebooks" / "exercises"
        columns = ("Sheet", "Tasks", "Points", "Points by hand", "Minutes", "For students")
        group = nodes.tgroup(cols=len(columns))
        group += [nodes.colspec(colwidth=1) for _ in columns]
        head, body = nodes.row(), nodes.tbody()
        head += [nodes.entry("", nodes.paragraph("", name)) for name in columns]
        for path in sorted(folder.glob("*.md")):
            self.env.note_dependency(str(path))
            body += self.row(path)
        group += [nodes.thead("", head), body]
        return [nodes.table("", group)]

    def row(self, path: Path) -> nodes.row:
        title, *figures = summary(path.read_text())
        chapter = to_chapter(path.stem, title, self.env.docname)
        student = f"notebooks/exercises/{path.stem}_student.ipynb"
        owner_and_name = self.config.html_theme_options["repository_url"].removeprefix("https://github.com/")
        colab = nodes.reference("", "Colab", refuri=f"{COLAB}{owner_and_name}/blob/main/{student}")
        row = nodes.row()
        row += nodes.entry("", nodes.paragraph("", f"{path.stem[:2]} ", chapter))
        row += [nodes.entry("", nodes.paragraph("", str(figure))) for figure in figures]
        row += nodes.entry("", nodes.paragraph("", "", colab))
        return row


def setup(app):
    app.add_directive("sheets", Sheets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
