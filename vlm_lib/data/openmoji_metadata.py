"""What is known about each drawing of the emoji world, without the drawings: names, tags, groups and facts.

The file beside this module is derived from OpenMoji (CC BY-SA 4.0, see OPENMOJI_LICENSE.md).
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Record:
    """One emoji: `name` is its English annotation, lower-case; `group` one of 7, `subgroup` one of some 80."""

    emoji: str
    hexcode: str
    name: str
    tags: tuple[str, ...]
    group: str
    subgroup: str


@functools.cache
def records() -> tuple[Record, ...]:
    """Every emoji of the world, in the order of Unicode's list."""
    packed = resources.files(__package__).joinpath("openmoji.json.gz").read_bytes()
    return tuple(_record(entry) for entry in json.loads(gzip.decompress(packed)))


def facts(of: Iterable[Record]) -> list[str]:
    """Sentences of the knowledge base: for each emoji its kind, and where it has two tags, what it is about.

    "lion is a kind of animal mammal in animals and nature ." "lion is about leo and zodiac ."
    Tags that only repeat the name are passed over. Chapter: 01_worlds.
    """
    sentences = []
    for record in of:
        sentences.append(f"{record.name} is a kind of {record.subgroup} in {record.group} .")
        new = [tag for tag in record.tags if tag not in record.name]
        if len(new) >= 2:
            sentences.append(f"{record.name} is about {new[0]} and {new[1]} .")
    return sentences


def _record(entry: dict[str, str]) -> Record:
    return Record(
        emoji=entry["emoji"],
        hexcode=entry["hexcode"],
        name=_plain(entry["annotation"]),
        tags=tuple(_plain(tag) for tag in entry["tags"].split(", ") if tag),
        group=entry["group"].replace("-", " and "),
        subgroup=entry["subgroups"].replace("-", " "),
    )


def _plain(text: str) -> str:
    """Lower case, and the apostrophe that keyboards have."""
    return text.lower().replace("’", "'")
