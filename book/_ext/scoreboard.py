"""The directive `{scoreboard}`: every ledger id with its verdict, computed from the records in the notebooks.

Texts come from book/ledger.yml, results from the chapters that the book builds. Nobody types a verdict, and a
record that contradicts itself, the ledger or another record is a build warning.
"""

import re
from collections import Counter
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import LedgerItem, load_ledger, load_records, problems, promised
from vlm_lib.claims.dotplot import dot_plot
from vlm_lib.claims.render import baseline_sentence, effect_sentence, seeds_sentence

COLUMNS = ("Id", "What the notes say or ask", "Verdict", "Evidence")  # widths: _static/scoreboard.css
OPEN = "open: not yet written"


def counts(ledger: dict[str, LedgerItem], records: dict[str, list[dict]]) -> str:
    """How many ids are settled, and how."""
    tally = Counter(record["verdict"] for id in ledger for record in records.get(id, [])[:1])
    settled = ", ".join(f"{tally[verdict]} {verdict}" for verdict in sorted(tally))
    return f"{tally.total()} of {len(ledger)} settled" + (f": {settled}." if settled else ".")


def prose(text: str) -> nodes.paragraph:
    """A paragraph in which `words between backticks` are code."""
    paragraph = nodes.paragraph()
    for i, part in enumerate(re.split(r"`([^`]+)`", text)):
        paragraph += nodes.literal("", part) if i % 2 else nodes.Text(part)
    return paragraph


class Scoreboard(SphinxDirective):
    """A line of counts, then a table for each part of the book with one row for each ledger id."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        chapters = sorted(doc for doc in self.env.found_docs if doc.startswith("notebooks/"))
        notebooks = [path for path in (root / f"{doc}.ipynb" for doc in chapters) if path.is_file()]
        for path in [root / "book" / "ledger.yml", *notebooks]:
            self.env.note_dependency(str(path))
        ledger, loaded = load_ledger(root / "book" / "ledger.yml"), load_records(notebooks)
        for problem in problems(loaded, {path.stem: promised(path) for path in notebooks}, ledger):
            logging.getLogger(__name__).warning(problem, location=self.get_location())
        records = {id: [record for record in loaded if record["id"] == id] for id in ledger}
        page: list[nodes.Node] = [nodes.paragraph("", counts(ledger, records))]
        for part, items in groupby(ledger.values(), key=lambda item: item.part):
            page += [nodes.rubric("", part), self.table([(item, records[item.id]) for item in items])]
        return page

    def table(self, rows: list[tuple[LedgerItem, list[dict]]]) -> nodes.table:
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=1) for _ in COLUMNS]
        head = nodes.row()
        head += [nodes.entry("", nodes.paragraph("", name)) for name in COLUMNS]
        group += nodes.thead("", head)
        group += nodes.tbody("", *(self.row(item, records) for item, records in rows))
        return nodes.table("", group, classes=["scoreboard"])

    def row(self, item: LedgerItem, records: list[dict]) -> nodes.row:
        row = nodes.row()
        row += nodes.entry("", nodes.paragraph("", "", nodes.strong("", item.id)))
        row += nodes.entry("", prose(item.text), self.chapter(item))
        verdicts = list(dict.fromkeys(record["verdict"] for record in records)) or [OPEN]
        row += nodes.entry("", *(nodes.paragraph("", "", badge(verdict)) for verdict in verdicts))
        row += nodes.entry("", *(node for record in records for node in evidence(record)))
        return row

    def chapter(self, item: LedgerItem) -> nodes.paragraph:
        """The system, with a link to the chapter that settles the item once the book has it."""
        name = nodes.inline("", f"{item.system}, {item.chapter}")
        if f"notebooks/{item.chapter}" not in self.env.found_docs:
            return nodes.paragraph("", "", name, classes=["scoreboard-chapter"])
        target = f"/notebooks/{item.chapter}"
        link = addnodes.pending_xref("", name, refdomain="std", reftype="doc", reftarget=target, refexplicit=True)
        link["refdoc"] = self.env.docname
        return nodes.paragraph("", "", link, classes=["scoreboard-chapter"])


def badge(verdict: str) -> nodes.inline:
    """The verdict in a frame; the word carries the meaning, the colour only helps."""
    kind = "open" if verdict == OPEN else verdict
    return nodes.inline("", verdict, classes=["verdict", f"verdict-{kind}"])


def evidence(record: dict) -> list[nodes.Node]:
    """The effect of each seed as a picture and in words, or the check that a question's answer passed."""
    if record["kind"] == "answer":
        return [nodes.paragraph("", f"Check passed: {record['check']}")]
    words = [effect_sentence(record), seeds_sentence(record), baseline_sentence(record)]
    picture = nodes.raw("", dot_plot(record), format="html")
    return [picture, nodes.paragraph("", " ".join(word for word in words if word))]


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    app.add_css_file("scoreboard.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
