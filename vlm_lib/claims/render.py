"""Records as HTML cards for the notebook's output. A record is the dictionary of `Verdict.record()`."""

from html import escape
from statistics import fmean

from vlm_lib.claims.chart import dot_chart
from vlm_lib.claims.evidence import find
from vlm_lib.claims.words import Record, as_text, baseline_sentence, effect_sentence, number, seeds_sentence
from vlm_lib.figures import html

__all__ = ["as_html", "as_text", "badge"]


def as_html(record: Record) -> str:
    """A card: what was claimed and came out, the picture, ours beside theirs, and the numbers folded away."""
    body = _verdict(record) if record["kind"] == "verdict" else _proved(record)
    style = html.style(html.asset("vlm_lib.claims", "card.css"))
    return f'{style}<div class="vlm-card vlm-record">{body}</div>'.replace("\n", "")


def badge(verdict: str) -> str:
    """The verdict as a word in a frame: the word carries the meaning, the colour only helps."""
    return f'<span class="vlm-badge vlm-{escape(verdict)}">{escape(verdict)}</span>'


def _verdict(record: Record) -> str:
    ours = f"<p><strong>{escape(effect_sentence(record))}</strong> {escape(seeds_sentence(record))}</p>"
    facts = f"Measured in {record['seconds']} s on {record['device']}. {baseline_sentence(record)}"
    return (
        _head(record, record["hypothesis"])
        + dot_chart(record)
        + _ours_and_theirs(record["id"], ours)
        + _folded("The numbers", _measurements(record) + f'<p class="vlm-dim">{escape(facts)}</p>', record["id"])
    )


def _proved(record: Record) -> str:
    """An exact statement or an answered question, the check that it passed, and the evidence."""
    said = record["statement"] if record["kind"] == "exact" else record["question"]
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in record["evidence"].items()
    )
    return (
        _head(record, said)
        + _ours_and_theirs(record["id"], f"<p>Check passed: {escape(record['check'])}</p>")
        + _folded("The numbers", f"<table><tbody>{rows}</tbody></table>", record["id"])
    )


def _head(record: Record, text: str) -> str:
    verdict = badge(record["verdict"])
    return f'<p class="vlm-head"><strong>{record["id"]}</strong> {verdict} {html.inline_code(text)}</p>'


def _ours_and_theirs(id: str, ours: str) -> str:
    theirs = find(id)
    if theirs is None:
        return ours
    details = _folded("Their numbers", theirs.table(), id) if theirs.results or theirs.caveat else ""
    return (
        f'<div class="vlm-both"><div><h4>Ours</h4>{ours}</div>'
        f"<div><h4>Theirs</h4><p>{escape(theirs.summary)}</p>{details}</div></div>"
    )


def _folded(title: str, content: str, id: str) -> str:
    return (
        f"<details><summary>{title}</summary>"
        f'<div class="vlm-scroll" tabindex="0" role="region" aria-label="{title}, {id}">{content}</div></details>'
    )


def _measurements(record: Record) -> str:
    roles = {record["treatment"]: "treatment", record["control"]: "control"}
    head = "".join(f'<th scope="col" class="vlm-n">seed {seed}</th>' for seed in record["seeds"])
    rows = "".join(
        f'<tr><th scope="row">{escape(arm)}</th><td>{roles.get(arm, "baseline")}</td>'
        + "".join(f'<td class="vlm-n">{number(value)}</td>' for value in [*values, fmean(values)])
        + "</tr>"
        for arm, values in record["arms"].items()
    )
    return (
        f'<table><thead><tr><th scope="col">arm</th><th scope="col">role</th>{head}'
        f'<th scope="col" class="vlm-n">mean</th></tr></thead><tbody>{rows}</tbody></table>'
    )
