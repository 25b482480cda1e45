"""Start a chapter from book/_template and put it into the table of contents (`make chapter`).

Its title, its part and what it settles stand in book/ledger.yml.
"""

import argparse
import re
from pathlib import Path

from pairs import ROOT

from vlm_lib.claims import LedgerItem, load_ledger, load_parts

TEMPLATE = "book/_template"
AFTER_THE_PARTS = "What was found"  # the first caption of _toc.yml below the chapters


def items_of(name: str, root: Path = ROOT) -> list[LedgerItem]:
    """What the chapter is to settle; ends with a message where the ledger does not know the chapter."""
    ledger = root / "book" / "ledger.yml"
    if name not in {chapter.name for part in load_parts(ledger) for chapter in part.chapters}:
        raise SystemExit(f"book/ledger.yml has no chapter {name!r}: add it under `chapters:` first")
    items = [item for item in load_ledger(ledger).values() if item.chapter == name]
    if not items:
        raise SystemExit(f"book/ledger.yml has no item for {name}: add what it is to settle under `items:` first")
    return items


def fill(name: str, title: str, items: list[LedgerItem], root: Path = ROOT) -> str:
    """The text half of a new chapter."""
    folder = root / TEMPLATE
    measure = (folder / ("claim.md" if items[0].kind == "claim" else "answer.md")).read_text().rstrip()
    values = {
        "NAME": name,
        "TITLE": title,
        "FIRST": items[0].id,
        "IDS": ", ".join(item.id for item in items),
        "ITEMS": "\n".join(f"- **{item.id}**: {item.text}" for item in items),
        "INSTALL": (folder / "install_cell.py").read_text().rstrip(),
    }
    text = (folder / "chapter.md").read_text().replace("@MEASURE@", measure)
    return re.sub("@([A-Z]+)@", lambda match: values[match[1]], text)


def add_to_toc(name: str, toc: str, captions: list[str]) -> str:
    """The text of _toc.yml with the chapter in its part, which is added where it is missing.

    `captions` are the titles of the parts, by number.
    """
    entry = f"      - file: notebooks/{name}\n"
    number = int(name[0])
    head = f"  - caption: {captions[number]}\n    chapters:\n"
    if head not in toc:
        later = [f"  - caption: {caption}\n" for caption in [*captions[number + 1 :], AFTER_THE_PARTS]]
        place = min(toc.index(mark) for mark in later if mark in toc)
        return toc[:place] + head + entry + toc[place:]
    start = toc.index(head) + len(head)
    lines = re.match(r"(?:      - file: .*\n)*", toc[start:])[0].splitlines(keepends=True)
    block = "".join(sorted([*lines, entry]))
    return toc[:start] + block + toc[start + len("".join(lines)) :]


def create(name: str, root: Path = ROOT) -> Path:
    """Write notebooks/NAME.md and add it to _toc.yml; refuses to overwrite a chapter."""
    items, parts = items_of(name, root), load_parts(root / "book" / "ledger.yml")
    path = root / "notebooks" / f"{name}.md"
    if path.exists():
        raise SystemExit(f"{path.relative_to(root)} is there already")
    title = next(chapter.title for part in parts for chapter in part.chapters if chapter.name == name)
    path.write_text(fill(name, title, items, root))
    toc = root / "_toc.yml"
    toc.write_text(add_to_toc(name, toc.read_text(), [part.title for part in parts]))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the chapter's name in book/ledger.yml, such as 35_coca")
    print(f"Wrote {create(parser.parse_args().name).relative_to(ROOT)}; execute it with: make run")
