"""The pieces of the scoreboard: docutils nodes for text, which the search finds, and HTML for the rest."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.environment import BuildEnvironment

from vlm_lib.claims import LedgerItem
from vlm_lib.claims.chart import effect_strip
from vlm_lib.claims.evidence import find
from vlm_lib.claims.verified import changed
from vlm_lib.claims.words import Record, effect_sentence, number, seeds_sentence

VERDICTS = ("holds", "fails", "inconclusive", "exact", "answered", "open")


def built_chapters(env: BuildEnvironment) -> list[Path]:
    """The notebooks that the book builds."""
    docs = sorted(doc for doc in env.found_docs if doc.startswith("notebooks/"))
    return [path for path in (Path(env.srcdir, f"{doc}.ipynb") for doc in docs) if path.is_file()]


def raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def div(classes: str, *children: nodes.Node) -> nodes.container:
    return nodes.container("", *children, classes=classes.split())


def folded(title: str, *children: nodes.Node) -> list[nodes.Node]:
    return [raw(f"<details><summary>{escape(title)}</summary>"), *children, raw("</details>")]


def prose(text: str, *before: nodes.Node, classes: str = "") -> nodes.paragraph:
    """A paragraph in which `words between backticks` are code."""
    paragraph = nodes.paragraph("", "", *before, classes=classes.split())
    for i, part in enumerate(re.split(r"`([^`]+)`", text)):
        paragraph += nodes.literal("", part) if i % 2 else nodes.Text(part)
    return paragraph


def badge(verdict: str) -> nodes.inline:
    """The verdict in a frame; the word carries the meaning, the colour only helps."""
    return nodes.inline("", verdict, classes=["vlm-badge", f"vlm-{verdict}"])


def tiles(ledger: Iterable[LedgerItem], records: list[Record]) -> nodes.raw:
    """How many verdicts of each kind there are, and a choice of parts; scoreboard.js makes filters of both."""
    ledger, tally = list(ledger), Counter(record["verdict"] for record in records)
    tally["open"] = len({item.id for item in ledger} - {record["id"] for record in records})
    buttons = "".join(
        f'<button type="button" class="vlm-{verdict}" data-verdict="{verdict}" aria-pressed="false" disabled>'
        f"<b>{tally[verdict]}</b> {verdict}</button>"
        for verdict in VERDICTS
    )
    parts = dict.fromkeys(item.part for item in ledger)
    options = "".join(f'<option value="part-{nodes.make_id(part)}">{escape(part)}</option>' for part in parts)
    return raw(
        f'<div class="board-tiles" role="group" aria-label="Show one verdict only">{buttons}</div>'
        f'<p class="board-choice" hidden><label>Part <select><option value="">all parts</option>{options}</select>'
        f'</label> <span role="status"></span></p>'
    )


def record_parts(record: Record, fresh: dict | None, link: nodes.Node) -> nodes.container:
    """One record: its verdict, what was claimed, picture and words, fresh seeds, and where it was measured."""
    if record["kind"] == "verdict":
        head, words = record["hypothesis"], f"{effect_sentence(record)} {seeds_sentence(record)}"
        picture = [raw(effect_strip(record))]
    else:
        head, words, picture = record.get("statement", ""), f"Check passed: {record['check']}", []
    last = nodes.paragraph("", "", link, classes=["vlm-dim"])
    if fresh:
        last += nodes.Text(f" {fresh_sentence(fresh)}")
    head = prose(f" {head}", badge(record["verdict"]))
    return div(f"board-record is-{record['verdict']}", head, *picture, prose(words), last)


def fresh_sentence(entry: dict) -> str:
    """What other seeds made of a verdict."""
    if entry["fresh"] is None:
        return "With other seeds it was not measured."
    effect = number(entry["fresh"]["effect"])
    if changed(entry):
        return f"With other seeds the verdict changes: {entry['fresh']['verdict']} (effect {effect})."
    return f"The same with other seeds (effect {effect})."


def fresh_summary(verified: dict[str, dict], executed_from: dict[str, str | None]) -> list[nodes.Node]:
    """A paragraph on `make verify`, and a line for each chapter with its date and device."""
    if not verified:
        return [prose("No verdict has been measured with other seeds yet (`make verify`).", classes="vlm-dim")]
    entries = [entry for outcome in verified.values() for entry in outcome["records"]]
    same = sum(not changed(entry) for entry in entries)
    lines = nodes.bullet_list()
    for chapter, outcome in verified.items():
        moved = ", ".join(entry["id"] for entry in outcome["records"] if changed(entry)) or "none"
        late = "" if executed_from.get(chapter) == outcome["executed_from"] else " Verified before the last run."
        day = date.fromisoformat(outcome["date"])
        text = (
            f"{chapter}: {len(outcome['records'])} verdicts, changed: {moved}. {day.day} {day:%B %Y}, seeds from "
        )
        lines += nodes.list_item("", prose(f"{text}{outcome['seeds_from']}, {outcome['device']}.{late}"))
    said = f"Measured once more with other seeds, {same} of {len(entries)} verdicts came out the same."
    return [prose(said), *folded("Chapter by chapter", lines)]


def theirs_parts(id: str) -> list[nodes.Node]:
    """What the papers measured, the numbers folded under the summary."""
    theirs = find(id)
    if theirs is None:
        return []
    table = theirs.table()
    details = folded("Their numbers", raw(f'<div class="vlm-scroll">{table}</div>')) if table else []
    return [prose("Theirs", classes="board-side"), prose(theirs.summary), *details]
