"""The directive `{scoreboard}`: the table of all verdicts, computed from the records in the executed notebooks.

Texts come from book/ledger.yml, results from the notebooks that stand in _toc.yml. Nobody types a verdict.
"""

from collections import Counter
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import load_records

COLUMNS = {"Id": 6, "What the notes say or ask": 44, "Verdict": 13, "Effect, and its spread over seeds": 25, "Chapter": 12}


def toc_notebooks(root: Path) -> list[Path]:
    """The executed halves of the chapters in the table of contents."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [root / f"{name}.ipynb" for name in files if name.startswith("notebooks/")]


def effect_text(record: dict) -> str:
    """Effect in the metric's unit with the lowest and highest seed, or what a question's check demonstrates."""
    if record["verdict"] == "answered":
        return record["check"]
    per_seed = record["effect_per_seed"]
    return f"{record['effect']:+.3f} ({min(per_seed):+.3f} to {max(per_seed):+.3f}, {len(per_seed)} seeds) {record['metric']}"


class Scoreboard(SphinxDirective):
    """A line of counts and one table row for each ledger id; ids of chapters not yet written are named below it."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        notebooks = toc_notebooks(root)
        for path in [root / "_toc.yml", root / "book" / "ledger.yml", *notebooks]:
            self.env.note_dependency(str(path))
        ledger = yaml.safe_load((root / "book" / "ledger.yml").read_text())
        records = {record["id"]: record for record in load_records(notebooks)}
        done = [entry for entry in ledger if entry["id"] in records]
        left = [entry["id"] for entry in ledger if entry["id"] not in records]
        counts = Counter(records[entry["id"]]["verdict"] for entry in done)
        summary = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
        result: list[nodes.Node] = [nodes.paragraph("", f"{len(done)} of {len(ledger)} settled: {summary or 'none'}.")]
        if done:
            result.append(self.table([(entry, records[entry["id"]]) for entry in done]))
        if left:
            result.append(nodes.paragraph("", f"Their chapters are not written yet: {', '.join(left)}."))
        return result

    def table(self, rows: list[tuple[dict, dict]]) -> nodes.Node:
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head = nodes.row()
        head += [nodes.entry("", nodes.paragraph("", name)) for name in COLUMNS]
        group += nodes.thead("", head)
        body = nodes.tbody()
        body += [self.row(entry, record) for entry, record in rows]
        group += body
        return nodes.table("", group, classes=["scoreboard"])

    def row(self, entry: dict, record: dict) -> nodes.row:
        row = nodes.row()
        badge = nodes.inline("", record["verdict"], classes=["verdict", f"verdict-{record['verdict']}"])
        for content in (
            nodes.strong("", entry["id"]),
            nodes.inline("", f"{entry['system']}: {entry['text']}"),
            badge,
            nodes.inline("", effect_text(record)),
            self.chapter_link(entry["chapter"]),
        ):
            row += nodes.entry("", nodes.paragraph("", "", content))
        return row

    def chapter_link(self, chapter: str) -> nodes.Node:
        """Link to the chapter's page; resolved when the page is written, so the chapter may be read later."""
        node = nodes.reference("", chapter, internal=True)
        node["refuri"] = f"../notebooks/{chapter}.html"
        return node


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
