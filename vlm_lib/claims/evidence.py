"""Theirs: what the authors of a paper measured for an id of the ledger, to stand beside ours.

The file is `book/evidence.yml`, which explains its own fields; a link in this package leads to it, so that an
installed package has it as well.
"""

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import yaml

from vlm_lib.claims.words import number
from vlm_lib.figures import html

KNOWN = {"seen": "", "secondary": "; read in a summary", "memory": "; from memory, to be checked"}


@dataclass(frozen=True)
class Theirs:
    """One entry of `book/evidence.yml`. As the last line of a cell it shows the summary and a table of results."""

    id: str
    measured: bool
    summary: str
    results: tuple[dict[str, Any], ...] = ()
    caveat: str = ""

    def __str__(self) -> str:
        lines = [f"{self.id}, in the papers: {self.summary.strip()}"]
        lines += [f"  {r['metric']}: {values(r)} ({source(r)})" for r in self.results]
        return "\n".join(lines + ([f"  But: {self.caveat.strip()}"] if self.caveat else []))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        body = f"<p><strong>{self.id}</strong>, in the papers: {escape(self.summary)}</p>{self.table()}"
        return {"text/plain": str(self), "text/html": f'{html.style()}<div class="vlm-card">{body}</div>'}

    def table(self) -> str:
        """The results as an HTML table, with the caveat under it."""
        rows = "".join(
            f'<tr><th scope="row">{escape(r["metric"])}<br><span class="vlm-dim">{escape(r["model"])}</span></th>'
            f"<td>{escape(values(r))}</td><td>{escape(source(r))}</td></tr>"
            for r in self.results
        )
        head = "".join(f'<th scope="col">{name}</th>' for name in ("metric and model", "values", "source"))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        return table + (f'<p class="vlm-dim">{escape(self.caveat)}</p>' if self.caveat else "")


def theirs(id: str) -> Theirs:
    """What the papers measured for a claim or question. Raises: ValueError for an id without an entry."""
    found = find(id)
    if found is None:
        raise ValueError(f"id is {id!r}, expected one with an entry in evidence.yml: {', '.join(_entries())}")
    return found


def find(id: str) -> Theirs | None:
    """The entry of an id, or None: a claim can be measured before anyone has read the papers for it."""
    entry = _entries().get(id)
    return None if entry is None else Theirs(id, **{**entry, "results": tuple(entry.get("results", ()))})


def values(result: dict[str, Any]) -> str:
    """The printed numbers, arm by arm; a plot without printed values says so."""
    if not result["values"]:
        return "a plot without printed values"
    return ", ".join(f"{arm} {number(value, digits=5)}" for arm, value in result["values"].items())


def source(result: dict[str, Any]) -> str:
    """Paper, version and place; the key `alayrac2022flamingo` reads "Alayrac et al. 2022"."""
    name, year = re.match(r"([a-z]+)(\d{4})", result["paper"]).groups()
    known = KNOWN[result["known"]]
    return f"{name.capitalize()} et al. {year}, {result['version']}, {result['where']}{known}"


@cache
def _entries() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(files("vlm_lib.claims").joinpath("evidence.yml").read_text(encoding="utf-8"))
