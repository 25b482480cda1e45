"""The directive `{scoreboard}`: every ledger id with all its verdicts, computed from the records in the notebooks.

Texts come from book/ledger.yml, results from the chapters that the book builds, fresh seeds from book/verify.json
and what papers measured from book/evidence.yml. Nobody types a verdict, and a record that contradicts itself, the
ledger or another record is a build warning. Without JavaScript the page is the full list.
"""

from collections import Counter
from itertools import groupby
from pathlib import Path

import nbformat
from board_parts import (
    badge,
    built_chapters,
    div,
    folded,
    fresh_summary,
    prose,
    raw,
    record_parts,
    theirs_parts,
    tiles,
)
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from vlm_lib.claims import LedgerItem, load_ledger, load_records, problems, promised
from vlm_lib.claims.verified import load_verified, outcome_of
from vlm_lib.figures import html

HASH_KEY = "vlm_book"  # where `make run` keeps the hash of the code that a notebook was executed from


class Scoreboard(SphinxDirective):
    """Tiles with the counts, then the ids part by part; those of chapters not yet written are folded away."""

    def run(self) -> list[nodes.Node]:
        book, notebooks = Path(self.env.srcdir, "book"), built_chapters(self.env)
        for path in [book / "ledger.yml", book / "evidence.yml", book / "verify.json", *notebooks]:
            self.env.note_dependency(str(path))
        ledger, loaded = load_ledger(book / "ledger.yml"), load_records(notebooks)
        for problem in problems(loaded, {path.stem: promised(path) for path in notebooks}, ledger):
            logging.getLogger(__name__).warning(problem, location=self.get_location())
        self.records = {id: [record for record in loaded if record["id"] == id] for id in ledger}
        self.verified = load_verified(book / "verify.json")
        self.written = {path.stem for path in notebooks}
        executed_from = {path.stem: _executed_from(path) for path in notebooks}
        page = [raw(html.style(html.asset("vlm_lib.claims", "card.css"))), tiles(ledger.values(), loaded)]
        page += [prose(counts(self.records)), *fresh_summary(self.verified, executed_from)]
        for part, items in groupby(ledger.values(), key=lambda item: item.part):
            page.append(self.part(part, list(items)))
        return [div("board", *page)]

    def part(self, title: str, items: list[LedgerItem]) -> nodes.container:
        parts: list[nodes.Node] = [nodes.rubric("", title)]
        for chapter, group in groupby(items, key=lambda item: item.chapter):
            group = list(group)
            cards = [self.item(item) for item in group]
            ids = ", ".join(item.id for item in group)
            parts += (
                cards if chapter in self.written else folded(f"{group[0].system}, not yet written: {ids}", *cards)
            )
        return div(f"board-part part-{nodes.make_id(title)}", *parts)

    def item(self, item: LedgerItem) -> nodes.container:
        """One id: what is claimed or asked, ours, and theirs beside it."""
        head = prose(f" {item.text}", nodes.strong("", item.id), classes="vlm-head")
        ours = [
            record_parts(record, outcome_of(record, self.verified), link_to_section(record))
            for record in self.records[item.id]
        ] or [div("board-record is-open", nodes.paragraph("", "", badge("open")))]
        both = div(
            "vlm-both", div("", prose("Ours", classes="board-side"), *ours), div("", *theirs_parts(item.id))
        )
        card = div("vlm-card vlm-record board-item", head, both)
        card["ids"] = [item.id]  # where an id in a chapter's text leads
        return card


def counts(records: dict[str, list[dict]]) -> str:
    """How many ids are settled, by how many records."""
    tally = Counter(bool(of_id) for of_id in records.values())
    total = sum(map(len, records.values()))
    return f"{tally[True]} of {len(records)} ids are settled, by {total} records."


def _executed_from(notebook: Path) -> str | None:
    return nbformat.read(notebook, as_version=4).metadata.get(HASH_KEY, {}).get("executed_from")


def link_to_section(record: dict) -> nodes.reference:
    """A link to the section that measured it; `point_at_sections` fills it in when all pages have been read."""
    return nodes.reference("", record["notebook"], internal=True, vlm_record=(record["notebook"], record["cell"]))


def point_at_sections(app, doctree, docname) -> None:
    """Lead each record's link to the section around its cell, as the chapter's own page numbers and names it."""
    for link in doctree.findall(lambda node: isinstance(node, nodes.reference) and "vlm_record" in node):
        chapter, cell = link["vlm_record"]
        target = f"notebooks/{chapter}"
        page = app.env.get_doctree(target)
        shown = next(node for node in page.findall(nodes.container) if node.get("cell_index") == cell)
        section = shown.parent
        while not isinstance(section, nodes.section):
            section = section.parent
        link["refuri"] = f"{app.builder.get_relative_uri(docname, target)}#{section['ids'][0]}"
        link.children = []
        link += nodes.Text(f"{chapter}: {section.next_node(nodes.title).astext()}")


def setup(app):
    app.add_directive("scoreboard", Scoreboard)
    app.connect("doctree-resolved", point_at_sections)
    app.add_css_file("scoreboard.css")
    app.add_js_file("scoreboard.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
