"""Files of a class: names and texts from any student's computer."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path

from vlm_lib.cache import write_atomically

UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode's control characters, surrogates, ends of lines
LONGEST_NAME = 120  # bytes; a file system takes 255, and endings are added


def shown(name: str) -> str:
    """A file's name as text for people, whatever its bytes and whatever the terminal's encoding.

    Names are taken as UTF-8. What is no text (another encoding's letters, line ends, half an emoji) is written
    with backslashes, so that no name can break a line of a table.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in UNSEEN else letter
        for letter in text
    )


def key_of(name: str) -> str:
    """A short name for the files of the submission `name`, the same in every run: the name itself if it can be.

    Where letters had to be replaced or cut, a checksum of the name tells it apart from others.
    """
    text = unicodedata.normalize("NFC", shown(name))
    key = re.sub(r"[^\w .,()@+-]", "_", text).strip(" .")
    short = key.encode()[:LONGEST_NAME].decode(errors="ignore")
    if short and short == text:
        return short
    return f"{short}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"


def child(folder: Path, name: str) -> Path:
    """The file `name` in `folder`, with its name in UTF-8 whatever the file system's encoding is taken to be."""
    return folder / os.fsdecode(name.encode())


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all, in UTF-8; half an emoji is written with a backslash."""
    write_atomically(path, text.encode(errors="backslashreplace"))
