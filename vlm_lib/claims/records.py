"""Reading records back from committed notebooks, and the checks that keep the scoreboard honest."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from vlm_lib.claims.declare import Claim
from vlm_lib.claims.results import MIME

Record = dict[str, Any]


def load_records(paths: Iterable[Path]) -> list[Record]:
    """All records in the outputs of the given .ipynb files, each with its `notebook` (stem) and `cell` (index).

    A record shown twice in one notebook counts once. Raises `ValueError` for a file that is no notebook.
    """
    records = []
    for path in map(Path, paths):
        seen = []
        for index, cell in enumerate(_notebook(path)["cells"]):
            for output in cell.get("outputs", []):
                record = output.get("data", {}).get(MIME)
                if record is not None and record not in seen:
                    seen.append(record)
                    records.append({**record, "notebook": path.stem, "cell": index})
    return records


def promised(path: Path) -> list[str]:
    """The ledger ids that a chapter (.md or .ipynb) promises in its metadata key `vlm: {ledger: [Q14, C17]}`."""
    path = Path(path)
    if path.suffix == ".ipynb":
        metadata = _notebook(path)["metadata"]
    else:
        header = re.match(r"---\n(.*?)\n---\n", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        metadata = (yaml.safe_load(header[1]) if header else None) or {}
    return list(metadata.get("vlm", {}).get("ledger", []))


def problems(records: Iterable[Record], promises: dict[str, list[str]], ledger: Iterable[str]) -> list[str]:
    """What is wrong, one sentence each; an empty list is what a book should have.

    Looks for ids unknown to the ledger, records of one hypothesis that disagree, promised ids without a record in
    the chapter that promised them, records that name another chapter than their own, and verdicts that do not
    follow from the measurements beside them. `promises` maps a chapter (file stem) to its promised ids.
    """
    records, ledger, found = list(records), set(ledger), []
    verdicts = defaultdict(lambda: defaultdict(list))
    recorded = {(record["notebook"], record["id"]) for record in records}
    for record in records:
        where = f"{record['id']} in {record['notebook']}"
        if record["id"] not in ledger:
            found.append(f"{where}: the ledger has no such id")
        if record["chapter"] != record["notebook"]:
            found.append(f"{where}: the record names the chapter {record['chapter']}")
        if record["kind"] == "verdict":
            verdicts[record["id"], record["hypothesis"]][record["verdict"]].append(record["notebook"])
            if _judged_again(record) != (record["verdict"], record["effects"], record["effect"], record["spread"]):
                found.append(f"{where}: the verdict does not follow from the record's own measurements")
    for (id, _), by_verdict in verdicts.items():
        if len(by_verdict) > 1:
            listed = "; ".join(f"{verdict} in {', '.join(at)}" for verdict, at in sorted(by_verdict.items()))
            found.append(f"{id}: two records disagree: {listed}")
    for chapter, ids in promises.items():
        for id in ids:
            if id not in ledger:
                found.append(f"{id}: promised by {chapter}, but the ledger has no such id")
            elif (chapter, id) not in recorded:
                found.append(f"{id}: promised by {chapter}, but its notebook holds no record")
    return found


def _judged_again(record: Record) -> tuple[str, list[float], float, float]:
    names = ("id", "hypothesis", "metric", "threshold", "treatment", "control", "higher_is_better", "chapter")
    claim = Claim(**{name: record[name] for name in names}, baselines=tuple(record["baselines"]))
    for arm, values in record["arms"].items():
        for seed, value in zip(record["seeds"], values, strict=True):
            claim.record(arm, seed, value)
    again = claim.verdict(seconds=0, device="")
    return again.verdict, again.effects, again.effect, again.spread


def _notebook(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    if not isinstance(notebook, dict) or "cells" not in notebook:
        raise ValueError(f"{path} is not a notebook: it has no cells")
    return notebook
