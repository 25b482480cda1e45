"""The directive `{bookmap}`: the book's map, a card for each part of book/ledger.yml, with a drawing.

A drawing shows where image meets text: blue squares are image tokens, orange squares are words. Drawings use
`currentColor` for lines, so that they follow the light and the dark page. A chapter is a link once it stands in
_toc.yml; no page is promised that is not there.
"""

from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import Part, load_parts


def squares(kind: str, x: int, y: int, number: int) -> str:
    """A row of tokens, `image` or `text`."""
    return "".join(
        f'<rect class="{kind}" x="{x + 18 * i}" y="{y}" width="14" height="14" rx="2"/>' for i in range(number)
    )


def box(x: int, y: int, width: int, height: int, dashed: bool = False) -> str:
    """A model; dashed where it is frozen."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<rect class="model" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"{dash}/>'


def arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    return f'<line class="arrow" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" marker-end="url(#map-tip)"/>'


DRAWINGS = {
    "foundations": (
        "An image tower and a text tower, compared with each other",
        squares("image", 30, 12, 2) + arrow(45, 30, 45, 42) + box(15, 46, 60, 22) + arrow(45, 68, 84, 90)
        + squares("text", 140, 12, 2) + arrow(155, 30, 155, 42) + box(125, 46, 60, 22) + arrow(155, 68, 116, 90)
        + '<circle class="arrow" cx="100" cy="95" r="9"/><line class="arrow" x1="96" y1="93" x2="104" y2="93"/>'
        + '<line class="arrow" x1="96" y1="97" x2="104" y2="97"/>',
    ),
    "joint": (
        "Image tokens and words side by side inside one model",
        box(15, 28, 170, 54) + squares("image", 27, 48, 3) + squares("text", 85, 48, 5),
    ),
    "prefix": (
        "Image tokens pass a small network and stand before the words in a frozen model",
        box(60, 40, 130, 42, dashed=True) + squares("image", 72, 54, 2) + squares("text", 112, 54, 4)
        + squares("image", 6, 12, 1) + box(30, 8, 44, 22) + arrow(20, 19, 28, 19) + arrow(74, 22, 86, 48),
    ),
    "cross": (
        "Words run through a frozen model; between its layers they look at the image tokens",
        box(15, 14, 110, 24, dashed=True) + box(15, 72, 110, 24, dashed=True) + squares("text", 34, 48, 4)
        + arrow(160, 55, 112, 55) + squares("image", 164, 30, 1) + squares("image", 164, 48, 1)
        + squares("image", 164, 66, 1),
    ),
    "talk": (
        "One frozen model turns the image into words, another one reads the words",
        squares("image", 4, 48, 1) + arrow(20, 55, 30, 55) + box(33, 36, 40, 38, dashed=True)
        + arrow(73, 55, 82, 55) + squares("text", 85, 48, 3)
        + arrow(139, 55, 148, 55) + box(151, 36, 40, 38, dashed=True),
    ),
    "measure": (
        "Measured values of several seeds against a threshold line",
        '<line class="arrow" x1="20" y1="95" x2="180" y2="95"/>'
        '<line class="arrow" x1="20" y1="95" x2="20" y2="12"/>'
        '<line class="model" x1="20" y1="58" x2="180" y2="58" stroke-dasharray="3 4"/>'
        + "".join(f'<circle class="image" cx="{x}" cy="{y}" r="5"/>' for x, y in ((60, 76), (68, 82), (76, 70)))
        + "".join(f'<circle class="text" cx="{x}" cy="{y}" r="5"/>' for x, y in ((130, 30), (138, 40), (146, 24))),
    ),
    "after": (
        "The patches of an image, laid out in a row, pass a connector and stand before the words in a large model",
        squares("image", 8, 8, 2) + squares("image", 8, 26, 2) + arrow(44, 23, 56, 23) + box(60, 8, 44, 30)
        + arrow(82, 38, 82, 52) + box(8, 56, 184, 42) + squares("image", 20, 70, 4) + squares("text", 96, 70, 5),
    ),
}  # fmt: skip


def drawing(name: str) -> str:
    """One card's picture, with its description for those who cannot see it."""
    text, body = DRAWINGS[name]
    return f'<svg viewBox="0 0 200 110" role="img" aria-label="{escape(text)}">{body}</svg>'


def card(part: Part, written: set[str]) -> str:
    """A part: its drawing, what it is about, and its chapters."""
    items = [
        f'<li><a href="../notebooks/{chapter.name}.html">{chapter.name[:2]} {escape(chapter.title)}</a></li>'
        if chapter.name in written
        else f'<li><span title="not written yet">{chapter.name[:2]} {escape(chapter.title)}</span></li>'
        for chapter in part.chapters
    ]
    return (
        f'<div class="map-card">{drawing(part.drawing)}'
        f'<p class="map-title">{part.number} · {escape(part.title)}</p>'
        f"<p>{escape(part.line)}</p><ul>{''.join(items)}</ul></div>"
    )


class BookMap(SphinxDirective):
    """All parts of the book in one picture."""

    def run(self) -> list[nodes.Node]:
        toc, ledger = Path(self.env.srcdir, "_toc.yml"), Path(self.env.srcdir, "book", "ledger.yml")
        for file in (toc, ledger):
            self.env.note_dependency(str(file))
        listed = yaml.safe_load(toc.read_text())["parts"]
        written = {Path(chapter["file"]).name for part in listed for chapter in part["chapters"]}
        tip = (
            '<svg class="map-defs" aria-hidden="true"><defs><marker id="map-tip" viewBox="0 0 8 8" refX="7" '
            'refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/>'
            "</marker></defs></svg>"
        )
        cards = "".join(card(part, written) for part in load_parts(ledger))
        return [nodes.raw("", f'{tip}<div class="book-map">{cards}</div>', format="html")]


def setup(app):
    app.add_directive("bookmap", BookMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
