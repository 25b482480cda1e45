"""The same claims with other seeds: what `make verify` found, as `book/verify.json` keeps it.

A dictionary by chapter: `date`, `device`, `seconds`, `seeds_from`, `executed_from` (the hash of the code that made
the committed verdicts) and `records`, as `compare` lists them. A verdict that changed is a finding, not an error.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vlm_lib.claims.words import Record


def compare(committed: Iterable[Record], fresh: Iterable[Record]) -> list[dict[str, Any]]:
    """For every measured hypothesis, what is committed and what fresh seeds gave; None where there is nothing."""
    ours, theirs = (_by_hypothesis(records) for records in (committed, fresh))
    return [
        {"id": id, "hypothesis": hypothesis}
        | {"committed": _verdict(ours.get((id, hypothesis))), "fresh": _verdict(theirs.get((id, hypothesis)))}
        for id, hypothesis in ours | theirs
    ]


def load_verified(path: Path) -> dict[str, dict[str, Any]]:
    """The outcomes by chapter, from `book/verify.json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def outcome_of(record: Record, verified: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """What fresh seeds gave for a record of `load_records`; None if its chapter has not been verified with it."""
    entries = verified.get(record["notebook"], {}).get("records", [])
    names = record["id"], record.get("hypothesis")
    return next((entry for entry in entries if (entry["id"], entry["hypothesis"]) == names), None)


def changed(entry: dict[str, Any]) -> bool:
    """Whether the fresh seeds came to another verdict, or to none."""
    return _name(entry["fresh"]) != _name(entry["committed"])


def _name(verdict: dict[str, Any] | None) -> str | None:
    return verdict and verdict["verdict"]


def _verdict(record: Record | None) -> dict[str, Any] | None:
    return record and {name: record[name] for name in ("verdict", "effect", "seeds")}


def _by_hypothesis(records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    return {(record["id"], record["hypothesis"]): record for record in records if record["kind"] == "verdict"}
