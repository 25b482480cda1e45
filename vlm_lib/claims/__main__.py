"""`python -m vlm_lib.claims`: what the committed notebooks have settled, as a table, as JSON, or as a check."""

import argparse
import json
import shutil
import sys
import textwrap
from pathlib import Path

from vlm_lib.claims import load_ledger, load_records, problems, promised
from vlm_lib.claims.words import number

HEAD = ("id", "verdict", "effect", "spread", "threshold", "seeds", "chapter")
SAID = {"verdict": "hypothesis", "exact": "statement", "answer": "question"}
WIDTHS = (3, 12, 10, 9, 9, 5, 18)


def table(records: list[dict], width: int) -> str:
    """One line of numbers and one of words for each record, no wider than `width` (80 at least)."""

    def line(cells):
        return "  ".join(f"{cell:{size}}" for cell, size in zip(cells, WIDTHS, strict=True)).rstrip()

    lines = [line(HEAD), line(["-" * size for size in WIDTHS])]
    for record in records:
        numbers = ("", "", "", "")
        if record["kind"] == "verdict":
            signed = [number(record[name], sign=True) for name in ("effect", "threshold")]
            numbers = (signed[0], number(record["spread"]), signed[1], str(len(record["seeds"])))
        lines.append(line((record["id"], record["verdict"], *numbers, record["notebook"])))
        said = record[SAID[record["kind"]]]
        lines += textwrap.wrap(said, max(80, width), initial_indent="     ", subsequent_indent="     ")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print what was asked for; 1 if `--check` finds a problem, else 0."""
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.claims", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the book's folder (default: the current one)")
    parser.add_argument("--json", action="store_true", help="print the records as a JSON list")
    parser.add_argument("--ledger", action="store_true", help="list the ids that have no record yet as well")
    parser.add_argument(
        "--check", action="store_true", help="print what is inconsistent; exit with 1 if anything is"
    )
    options = parser.parse_args(arguments)
    if not (options.root / "book" / "ledger.yml").is_file():
        parser.error(f"{options.root.resolve()} has no book/ledger.yml: run this in the checkout, or give --root")

    ledger = load_ledger(options.root / "book" / "ledger.yml")
    notebooks = sorted((options.root / "notebooks").glob("*.ipynb"))
    records = load_records(notebooks)
    records.sort(key=lambda record: list(ledger).index(record["id"]) if record["id"] in ledger else -1)
    found = problems(records, {path.stem: promised(path) for path in notebooks}, ledger) if options.check else []
    settled = {record["id"] for record in records}
    if options.json:
        print(json.dumps(records, indent=1, ensure_ascii=False))
    elif not options.check:
        print(table(records, shutil.get_terminal_size().columns))
        if options.ledger:
            open_ids = [item for item in ledger.values() if item.id not in settled]
            print(f"\nopen: {len(open_ids)} of {len(ledger)}")
            for item in open_ids:
                print(textwrap.shorten(f"{item.id}  {item.chapter}: {item.text}", 80, placeholder=" ..."))
    elif not found:
        print(f"{len(records)} records, {len(settled)} of {len(ledger)} ids settled: consistent")
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
