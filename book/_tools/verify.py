"""Measure every claim once more with other seeds, in copies of the chapters (`make verify`).

What comes out, also where a verdict changes, is written to book/verify.json and shown on the scoreboard. Chapters
can be verified one at a time; each replaces its own entry.
"""

import argparse
import datetime
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import torch
from nbclient.exceptions import CellExecutionError
from pairs import ROOT, chapters, is_stale, recorded_hash
from run_notebooks import execute

from vlm_lib.bench.measure import device_name
from vlm_lib.cache import write_atomically
from vlm_lib.claims import load_records
from vlm_lib.claims.verified import changed, compare, load_verified


def verify(chapter: Path, seeds_from: int) -> dict:
    """The chapter's entry: a copy of its .ipynb half, executed in this process's environment, against its records.

    Raises: CellExecutionError where the chapter stops.
    """
    committed = chapter.with_suffix(".ipynb")
    notebook = nbformat.read(committed, as_version=4)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
        copy = Path(folder, committed.name)
        nbformat.write(notebook, copy)
        records = compare(load_records([committed]), load_records([copy]))
    return {
        "date": datetime.date.today().isoformat(),
        "device": device_name(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        "seconds": round(time.perf_counter() - start),
        "seeds_from": seeds_from,
        "executed_from": recorded_hash(committed),
        "records": records,
    }


def store(path: Path, chapter: str, entry: dict) -> None:
    """Put one chapter's entry into the file; those of the other chapters stay."""
    outcomes = load_verified(path) | {chapter: entry}
    write_atomically(path, json.dumps(dict(sorted(outcomes.items())), indent=1, ensure_ascii=False) + "\n")


def summary(entry: dict) -> str:
    """One line for the chapter, and one for each verdict that changed."""
    moved = [record for record in entry["records"] if changed(record)]
    lines = [f"{len(entry['records'])} verdicts, {len(moved)} changed, {entry['seconds']} s"]
    for record in moved:
        was, now = (record[name] and record[name]["verdict"] for name in ("committed", "fresh"))
        lines.append(f"  {record['id']}: {was} -> {now} ({record['hypothesis']})")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Verify what was asked for; 1 if a chapter is stale or stops, else 0, whatever the verdicts are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapter", nargs="*", help="names such as 34_flamingo; all chapters if none is given")
    parser.add_argument("--seeds-from", type=int, default=10, help="the first seed (default: 10)")
    options = parser.parse_args(arguments)
    known = {path.stem: path for path in chapters(root)}
    if unknown := set(options.chapter) - set(known):
        parser.error(f"no such chapter: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    os.environ |= {"VLM_SEEDS_FROM": str(options.seeds_from), "TQDM_DISABLE": "1"}  # the kernels inherit them
    failed = 0
    for name in options.chapter or known:
        print(f"{name}: ", end="", flush=True)
        if is_stale(known[name], root):
            print("its outputs are not from today's code: say make run first")
            failed += 1
            continue
        try:
            entry = verify(known[name], options.seeds_from)
        except CellExecutionError as stopped:  # the other chapters can still be verified
            print(f"stops with seeds from {options.seeds_from}\n{stopped}")
            failed += 1
            continue
        store(root / "book" / "verify.json", name, entry)
        print(summary(entry))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
