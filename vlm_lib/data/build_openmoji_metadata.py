"""Rebuild `openmoji.json.gz` from the npm package `openmoji`; needed only to move to a newer OpenMoji.

    npm pack openmoji@17.0.0 && tar xzf openmoji-17.0.0.tgz
    python -m vlm_lib.data.build_openmoji_metadata package/data/openmoji.json

What is dropped, and why:
- skin tones: up to 25 copies of one drawing, equal but for a colour that the name does not describe;
- extras and components: brands, interface signs and loose parts, without agreed names;
- flags: a name that can only be memorised, and no two members with anything in common;
- the group "symbols" and the 24 clock faces: letters, arrows, buttons, whose drawings hardly differ at 64 pixels;
- gender, family and direction variants of a drawing that is kept in a neutral form ("man judge" and "woman
  judge" beside "judge"): one retrieval target each, or the best model would be marked wrong half of the time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from pathlib import Path

FIELDS = ("emoji", "hexcode", "annotation", "tags", "group", "subgroups")
DROPPED_GROUPS = ("component", "flags", "symbols", "extras-openmoji", "extras-unicode")
CLOCK_FACE = re.compile("o’clock$|-thirty$")
# "kiss", "couple with heart" and "people holding hands" are kept
COUPLE_BY_GENDER = re.compile("^(kiss|couple with heart): |men holding hands$|^woman and man holding hands$")
# man, woman, boy, girl -> adult, adult, child, child
NEUTRAL = {"1F468": "1F9D1", "1F469": "1F9D1", "1F466": "1F9D2", "1F467": "1F9D2"}
GENDER_OR_DIRECTION_SIGN = re.compile("-200D-(2640|2642|27A1)")


def neutral_form(hexcode: str) -> str:
    """The code points of an emoji sequence without gender and direction; single code points stay as they are."""
    parts = hexcode.split("-")
    if "200D" not in parts:
        return hexcode
    neutral = "-".join(NEUTRAL.get(part, part) for part in parts if part != "FE0F")
    return GENDER_OR_DIRECTION_SIGN.sub("", neutral)


def select(entries: list[dict]) -> list[dict]:
    """The entries kept, in the order of the source."""
    candidates = [
        entry
        for entry in entries
        if not entry["skintone"]
        and entry["group"] not in DROPPED_GROUPS
        and not CLOCK_FACE.search(entry["annotation"])
        and not COUPLE_BY_GENDER.search(entry["annotation"])
    ]
    kept: dict[str, dict] = {}
    for entry in candidates:
        form = neutral_form(entry["hexcode"])
        if form not in kept or entry["hexcode"].replace("-FE0F", "") == form:
            kept[form] = entry
    chosen = {entry["hexcode"] for entry in kept.values()}
    return [{field: entry[field] for field in FIELDS} for entry in candidates if entry["hexcode"] in chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="data/openmoji.json of the npm package")
    entries = select(json.loads(parser.parse_args().source.read_text(encoding="utf-8")))
    target = Path(__file__).with_name("openmoji.json.gz")
    text = json.dumps(entries, ensure_ascii=False, indent=0)
    # mtime=0: the same input gives the same bytes
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{target}: {len(entries)} emoji, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
