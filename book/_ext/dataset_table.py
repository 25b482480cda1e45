"""The directive `{datasets}`: the table of book/datasets.yml, which datasets.js sorts and filters.

Texts are docutils nodes, so that the book's search finds them. Without JavaScript it is the full list.
"""

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FIELDS = ("name", "paper", "url", "kind", "n", "size", "known", "holds", "measures", "access", "traps")
KINDS = ("captions", "pairs", "VQA", "reasoning", "video", "probing")
MARKS = {
    "paper": "",
    "survey": "from the survey",
    "summary": "from a summary",
    "memory": "not checked",
}
HEADS = ("set and paper", "kind", "size", "what it holds, what it measures", "to be had?", "leaks and biases")


def load(path: Path) -> list[dict[str, Any]]:
    """The sets in the file's order. Raises: ValueError for a bad field, kind or mark, or a name twice."""
    sets = yaml.safe_load(path.read_text(encoding="utf-8"))
    for one in sets:
        if sorted(one) != sorted(FIELDS) or not all(one.values()):
            got = f"{one.get('name')} has the fields {sorted(one)}"
            raise ValueError(f"{path.name}: {got}, expected {sorted(FIELDS)}, none of them empty")
        if one["kind"] not in KINDS or one["known"] not in MARKS:
            raise ValueError(f"{path.name}: {one['name']} is of kind {one['kind']!r}, known {one['known']!r}")
    names = [one["name"] for one in sets]
    if len(set(names)) < len(names):
        raise ValueError(f"{path.name}: a name stands twice among {sorted(names)}")
    return sets


def row_of(one: dict[str, Any]) -> nodes.row:
    paper = nodes.paragraph("", "", nodes.reference("", one["paper"], refuri=one["url"], internal=False))
    number = nodes.raw("", f'<data value="{one["n"]}"></data>', format="html")
    cells = [
        [nodes.paragraph("", "", nodes.strong("", one["name"])), paper],
        [nodes.paragraph("", one["kind"])],
        [number, nodes.paragraph("", one["size"]), *mark(one)],
        [nodes.paragraph("", one["holds"]), nodes.paragraph("", one["measures"])],
        [nodes.paragraph("", one["access"])],
        [nodes.paragraph("", one["traps"])],
    ]
    row = nodes.row("", *(nodes.entry("", *cell) for cell in cells))
    row["classes"].append(f"kind-{one['kind']}")
    return row


def mark(one: dict[str, Any]) -> list[nodes.Node]:
    """What a figure that was not read in its paper is marked with."""
    text = MARKS[one["known"]]
    return [nodes.paragraph("", "", nodes.inline("", f"? {text}", classes=["set-mark"]))] if text else []


class Datasets(SphinxDirective):
    """One table with a row per set."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "book" / "datasets.yml"
        self.env.note_dependency(str(path))
        group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in HEADS), cols=len(HEADS))
        head = nodes.row("", *(nodes.entry("", nodes.paragraph("", name)) for name in HEADS))
        group += [nodes.thead("", head), nodes.tbody("", *map(row_of, load(path)))]
        options = "".join(f"<option>{kind}</option>" for kind in KINDS)
        choice = (
            '<p class="set-choice" hidden><label>Search <input type="search" name="sets"></label> '
            f'<label>Kind <select><option value="">all</option>{options}</select></label> '
            '<span role="status"></span></p>'
        )
        table = nodes.table("", group, classes=["sets"])
        return [nodes.container("", nodes.raw("", choice, format="html"), table, classes=["set-frame"])]


def setup(app):
    app.add_directive("datasets", Datasets)
    app.add_css_file("datasets.css")
    app.add_js_file("datasets.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
