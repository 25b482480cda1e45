"""The directive `{descent}`: how the systems of the book descend from one another, with their verdicts.

The systems stand in book/descent.yml, verdicts come from the records in the notebooks. Time runs downwards, so
that the drawing is as narrow as a telephone. A system is a link once its chapter stands; a list says the same.
"""

from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

import yaml
from board_parts import built_chapters
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import load_records

FIELDS = {"name", "chapter", "since", "column", "row", "takes"}
COLUMNS = ("one model reads both", "image as a prefix", "cross-attention", "words or scores")
SIGNS = {"holds": "✓", "exact": "=", "answered": "!", "inconclusive": "~", "fails": "✗"}
WIDTH, STEP_X, STEP_Y, BOX_X, BOX_Y, TOP = 400, 100, 66, 94, 42, 40


def load(path: Path) -> list[dict[str, Any]]:
    """The systems in the file's order.

    Raises: ValueError for wrong fields, a name that stands twice, or an ancestor that is not earlier.
    """
    systems = yaml.safe_load(path.read_text(encoding="utf-8"))
    earlier: dict[str, int] = {}
    for one in systems:
        if set(one) - {"short"} != FIELDS:
            raise ValueError(
                f"{path.name}: {one.get('name')} has the fields {sorted(one)}, expected {sorted(FIELDS)}"
            )
        if one["name"] in earlier:
            raise ValueError(f"{path.name}: {one['name']} stands twice")
        late = [name for name in one["takes"] if earlier.get(name, one["row"]) >= one["row"]]
        if late:
            raise ValueError(f"{path.name}: {one['name']} takes from {late}, which stand in no earlier row")
        earlier[one["name"]] = one["row"]
    return systems


def place(one: dict[str, Any]) -> tuple[float, float]:
    """The middle of a system's upper edge."""
    return STEP_X * (one["column"] + 0.5), TOP + STEP_Y * one["row"]


def tally(chapter: str, records: list[dict]) -> str:
    """A chapter's verdicts as signs, such as "3✓ 1✗"."""
    found = Counter(record["verdict"] for record in records if record["notebook"] == chapter)
    return " ".join(f"{found[verdict]}{sign}" for verdict, sign in SIGNS.items() if found[verdict])


def line(child: dict[str, Any], parent: dict[str, Any]) -> str:
    """From an ancestor's lower edge to a descendant's upper one."""
    (x1, y1), (x2, y2) = place(parent), place(child)
    y1, reach = y1 + BOX_Y, (y2 - y1) / 2
    title = f"{child['name']} from {parent['name']}: {child['takes'][parent['name']]}"
    return (
        f'<path class="descent-line" d="M{x1} {y1}C{x1} {y1 + reach} {x2} {y2 - reach} {x2} {y2}">'
        f"<title>{escape(title)}</title></path>"
    )


def node(one: dict[str, Any], records: list[dict], written: set[str]) -> str:
    """A system's box: name, month, verdicts."""
    x, y = place(one)
    month, year = one["since"].split()
    said = tally(one["chapter"], records)
    body = (
        f'<rect x="{x - BOX_X / 2}" y="{y}" width="{BOX_X}" height="{BOX_Y}" rx="6"/>'
        f'<text class="descent-name" x="{x}" y="{y + 14}">{escape(one.get("short", one["name"]))}</text>'
        f'<text x="{x}" y="{y + 26}">{month[:3]} {year}</text>'
        f'<text class="descent-tally" x="{x}" y="{y + 38}">{said}</text>'
    )
    if one["chapter"] not in written:
        return f'<g class="descent-node descent-later">{body}</g>'
    label = escape(f"{one['name']}, {one['since']}: chapter {one['chapter'][:2]}")
    return f'<a class="descent-node" href="../notebooks/{one["chapter"]}.html" aria-label="{label}">{body}</a>'


def drawing(systems: list[dict[str, Any]], records: list[dict], written: set[str]) -> str:
    """The whole map."""
    of_name = {one["name"]: one for one in systems}
    height = TOP + STEP_Y * max(one["row"] for one in systems) + BOX_Y + 4
    heads = "".join(
        f'<text class="descent-head" x="{STEP_X * (i + 0.5)}" y="{14 + 12 * j}">{words}</text>'
        for i, head in enumerate(COLUMNS)
        for j, words in enumerate(halves(head))
    )
    lines = "".join(line(one, of_name[name]) for one in systems for name in one["takes"])
    boxes = "".join(node(one, records, written) for one in systems)
    return (
        f'<svg class="descent" viewBox="0 0 {WIDTH} {height}" role="group" '
        f'aria-label="Which system builds on which; the list below says the same">{heads}{lines}{boxes}</svg>'
    )


def halves(words: str) -> tuple[str, str]:
    """A head in two lines, cut at the space that is nearest to the middle."""
    cuts = [i for i, letter in enumerate(words) if letter == " "]
    cut = min(cuts, key=lambda i: abs(2 * i - len(words)), default=len(words))
    return words[:cut], words[cut + 1 :]


def told(systems: list[dict[str, Any]]) -> str:
    """The map as a list, for whoever cannot see it or wants the reasons."""
    items = "".join(
        f"<li><b>{escape(one['name'])}</b> ({one['since']})"
        + "".join(f"; from {escape(name)}: {escape(what)}" for name, what in one["takes"].items())
        + "</li>"
        for one in systems
    )
    return f"<details><summary>The same as a list, with what each takes over</summary><ul>{items}</ul></details>"


class Descent(SphinxDirective):
    """The map of systems and, folded, its list."""

    def run(self) -> list[nodes.Node]:
        source, notebooks = Path(self.env.srcdir, "book", "descent.yml"), built_chapters(self.env)
        for path in [source, *notebooks]:
            self.env.note_dependency(str(path))
        systems, written = load(source), {path.stem for path in notebooks}
        picture = drawing(systems, load_records(notebooks), written)
        return [nodes.raw("", f'<div class="descent-map">{picture}{told(systems)}</div>', format="html")]


def setup(app):
    app.add_directive("descent", Descent)
    app.add_css_file("descent.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
