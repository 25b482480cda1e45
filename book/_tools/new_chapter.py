"""Start a chapter from book/_template/chapter.md and put it into the table of contents (`make chapter`)."""

import argparse
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "book/_template/chapter.md"
INSTALL_CELL = "book/_template/install_cell.py"
PARTS = [
    "Foundations",
    "Joint training",
    "Prefix of a language model",
    "Cross-attention",
    "No training",
    "Data and evaluation",
    "After the notes",
]


def ledger_items(name: str, root: Path) -> list[dict]:
    """The ledger's entries that the chapter is to settle."""
    entries = yaml.safe_load((root / "book" / "ledger.yml").read_text())
    return [entry for entry in entries if entry["chapter"] == name]


def fill(name: str, title: str, root: Path = ROOT) -> str:
    """The text half of a new chapter."""
    items = ledger_items(name, root)
    if not items:
        raise SystemExit(f"book/ledger.yml has no item for {name}: add what the chapter is to settle there first")
    values = {
        "NAME": name,
        "TITLE": title,
        "CLAIM": items[0]["id"],
        "IDS": ", ".join(item["id"] for item in items),
        "ITEMS": "\n".join(f"- **{item['id']}**: {item['text']}" for item in items),
        "INSTALL": (root / INSTALL_CELL).read_text().rstrip(),
    }
    return re.sub("@([A-Z]+)@", lambda match: values[match[1]], (root / TEMPLATE).read_text())


def add_to_toc(name: str, toc: str) -> str:
    """The text of _toc.yml with the chapter in its part, which is added where it is missing."""
    entry = f"      - file: notebooks/{name}\n"
    caption = PARTS[int(name[0])]
    head = f"  - caption: {caption}\n    chapters:\n"
    later = [f"  - caption: {part}\n" for part in PARTS[int(name[0]) + 1 :]] + ["  - caption: What was found\n"]
    if head not in toc:
        place = min(toc.index(mark) for mark in later if mark in toc)
        return toc[:place] + head + entry + toc[place:]
    start = toc.index(head) + len(head)
    lines = re.match(r"(?:      - file: .*\n)*", toc[start:])[0].splitlines(keepends=True)
    block = "".join(sorted([*lines, entry]))
    return toc[:start] + block + toc[start + len("".join(lines)) :]


def create(name: str, title: str, root: Path = ROOT) -> Path:
    """Write notebooks/NAME.md and add it to _toc.yml; refuses to overwrite a chapter."""
    if not re.fullmatch(r"[0-6][1-9]_[a-z0-9_]+", name):
        raise SystemExit(f"NAME is {name!r}, expected two digits and a short name, such as 35_coca")
    if not title:
        raise SystemExit('TITLE is empty, expected the chapter\'s title, such as "CoCa"')
    path = root / "notebooks" / f"{name}.md"
    if path.exists():
        raise SystemExit(f"{path.relative_to(root)} is there already")
    path.write_text(fill(name, title, root))
    toc = root / "_toc.yml"
    toc.write_text(add_to_toc(name, toc.read_text()))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("title")
    arguments = parser.parse_args()
    print(f"Wrote {create(arguments.name, arguments.title).relative_to(ROOT)}; execute it with: make run")
