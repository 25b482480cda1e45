"""`book/ledger.yml`: the book's parts and chapters, and the claims and questions that they settle."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Chapter:
    """A chapter, written or not: its file's name, and the short title that the map and the scoreboard show."""

    name: str
    title: str


@dataclass(frozen=True)
class Part:
    """A part of the book: its number is the first digit of its chapters' names."""

    number: int
    title: str
    line: str
    drawing: str
    chapters: tuple[Chapter, ...]


@dataclass(frozen=True)
class LedgerItem:
    """A claim or a question, the chapter that settles it, and the title of that chapter's part."""

    id: str
    kind: str
    system: str
    chapter: str
    text: str
    part: str


def load_parts(path: Path) -> list[Part]:
    """The parts of the book in order, each with its chapters. Raises `ValueError` for a chapter without a part."""
    book = _read(path)
    chapters = [Chapter(**entry) for entry in book["chapters"]]
    numbers = {part["number"] for part in book["parts"]}
    homeless = [chapter.name for chapter in chapters if int(chapter.name[0]) not in numbers]
    if homeless:
        raise ValueError(f"{path} has chapters of no part: {', '.join(homeless)}; parts are {sorted(numbers)}")
    return [
        Part(**part, chapters=tuple(c for c in chapters if int(c.name[0]) == part["number"]))
        for part in book["parts"]
    ]


def load_ledger(path: Path) -> dict[str, LedgerItem]:
    """The items by id, in the file's order. Raises `ValueError` for an id twice or an unlisted chapter."""
    items = _read(path)["items"]
    titles = {chapter.name: part.title for part in load_parts(path) for chapter in part.chapters}
    for item in items:
        if item["chapter"] not in titles:
            raise ValueError(
                f"{path}: {item['id']} names the chapter {item['chapter']!r}, which is not in its list"
            )
    ledger = {item["id"]: LedgerItem(**item, part=titles[item["chapter"]]) for item in items}
    if len(ledger) < len(items):
        raise ValueError(f"{path} has {len(items)} items but {len(ledger)} ids: an id comes twice")
    return ledger


def _read(path: Path) -> dict:
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
