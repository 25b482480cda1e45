"""Build every page anew when what draws the pages has changed; Sphinx by itself watches the pages only.

Without it, a change of a style sheet alone would not even be copied into the built book.
"""

import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def checksum() -> int:
    """One number for the extensions, the static files, and what pages take from the library."""
    patterns = (
        "book/_ext/*.py",
        "book/_static/*.*",
        "book/ledger.yml",
        "book/datasets.yml",
        "vlm_lib/claims/*.*",
        "vlm_lib/bench/goals.py",
        "vlm_lib/figures/style.py",
    )
    files = [file for pattern in patterns for file in sorted(ROOT.glob(pattern))]
    return zlib.crc32(b"\0".join(file.read_bytes() for file in files))


def setup(app):
    return {"env_version": checksum(), "parallel_read_safe": True, "parallel_write_safe": True}
