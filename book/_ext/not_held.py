"""The directive `{not_held} CHAPTER`: the verdicts of a chapter that are not `holds`, as on the scoreboard.

A few words of a hypothesis, as the directive's content, choose one of them.
"""

from pathlib import Path

from board_parts import div, record_parts
from docutils import nodes
from scoreboard import link_to_section
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import load_records
from vlm_lib.claims.verified import load_verified, outcome_of
from vlm_lib.figures import html

REFUTED = ("fails", "inconclusive")


class NotHeld(SphinxDirective):
    """What a chapter did not find, with pictures and links."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        book, chapter = Path(self.env.srcdir, "book"), self.arguments[0]
        notebook = book.parent / "notebooks" / f"{chapter}.ipynb"
        for path in (notebook, book / "verify.json"):
            self.env.note_dependency(str(path))
        if not notebook.is_file():
            raise self.error(f"not_held: there is no chapter {chapter!r}")
        words = " ".join(self.content)
        records = [
            record
            for record in load_records([notebook])
            if record["verdict"] in REFUTED and words in record.get("hypothesis", "")
        ]
        if not records or (words and len(records) > 1):
            raise self.error(f"not_held: {len(records)} verdicts of {chapter} with {words!r}, expected one")
        verified = load_verified(book / "verify.json")
        parts = [record_parts(record, outcome_of(record, verified), link_to_section(record)) for record in records]
        style = nodes.raw("", html.style(html.asset("vlm_lib.claims", "card.css")), format="html")
        return [style, div("board", div("vlm-card vlm-record board-item", *parts))]


def setup(app):
    app.add_directive("not_held", NotHeld)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
