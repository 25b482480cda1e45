"""The directive `{scoreboard}`: the table of all verdicts, computed from the records in the executed notebooks.

Texts come from book/ledger.yml, results from the notebooks that stand in _toc.yml. Nobody types a verdict.
"""

from collections import Counter
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import LedgerItem, load_ledger, load_records
from vlm_lib.claims.dotplot import dot_plot, number

COLUMNS = {"Id": 7, "What the notes say or ask": 42, "Verdict": 13, "What was measured": 38}


def toc_notebooks(root: Path) -> list[Path]:
    """The executed halves of the chapters in the table of contents."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [root / f"{name}.ipynb" for name in files if name.startswith("notebooks/")]


def measured(record: dict) -> list[nodes.Node]:
    """The effect of every seed as a picture and in words, or the check that a question's answer passed."""
    if record["kind"] == "answer":
        return [nodes.paragraph("", f"Check passed: {record['check']}")]
    effects = record["effects"]
    effect, low, high = (number(value, sign=True) for value in (record["effect"], min(effects), max(effects)))
    words = (
        f"{record['treatment']} against {record['control']}: {effect} in {record['metric']}; {len(record['seeds'])} seeds "
        f"from {low} to {high}, threshold {number(record['threshold'], sign=True)}. {record['seconds']} s on "
        f"{record['device']}."
    )
    return [nodes.raw("", dot_plot(record), format="html"), nodes.paragraph("", words)]


class Scoreboard(SphinxDirective):
    """A line of counts, a table with one row for each settled id, and the ids whose chapters are still to come."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        notebooks = toc_notebooks(root)
        for path in [root / "_toc.yml", root / "book" / "ledger.yml", *notebooks]:
            self.env.note_dependency(str(path))
        ledger = load_ledger(root / "book" / "ledger.yml")
        records = {record["id"]: record for record in load_records(notebooks)}
        done = [(item, records[item.id]) for item in ledger.values() if item.id in records]
        left = [item.id for item in ledger.values() if item.id not in records]
        counts = Counter(record["verdict"] for _, record in done)
        summary = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        result: list[nodes.Node] = []
        if done:
            result += [nodes.paragraph("", f"{len(done)} of {len(ledger)} settled: {summary}."), self.table(done)]
        if left:
            result.append(nodes.paragraph("", f"Not settled yet, in chapters to come: {', '.join(left)}."))
        return result

    def table(self, rows: list[tuple[LedgerItem, dict]]) -> nodes.Node:
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head = nodes.row()
        head += [nodes.entry("", nodes.paragraph("", name)) for name in COLUMNS]
        group += nodes.thead("", head)
        body = nodes.tbody()
        body += [self.row(item, record) for item, record in rows]
        group += body
        return nodes.table("", group, classes=["scoreboard"])

    def row(self, item: LedgerItem, record: dict) -> nodes.row:
        """Id with a link to the chapter, the ledger's text, the verdict, the measurement."""
        link = nodes.reference("", item.system, internal=True, refuri=f"../notebooks/{record['notebook']}.html")
        name = nodes.paragraph("", "", nodes.strong("", item.id), nodes.Text(" "), link)
        badge = nodes.inline("", record["verdict"], classes=["verdict", f"verdict-{record['verdict']}"])
        row = nodes.row(ids=[f"scoreboard-{item.id.lower()}"])
        row += nodes.entry("", name)
        row += nodes.entry("", nodes.paragraph("", item.text))
        row += nodes.entry("", nodes.paragraph("", "", badge))
        row += nodes.entry("", *measured(record))
        return row


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
