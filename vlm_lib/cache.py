"""Where the library keeps what it has built: pictures, trained weights, converted checkpoints."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The folder for built artefacts, made if missing: `$VLM_LIB_CACHE`, else the user's cache folder.

    Everything below it can be deleted at any time; whatever is missing is built again. Chapter: 01_worlds.
    """
    chosen = os.environ.get("VLM_LIB_CACHE")
    path = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("vlm_lib"))
    path.mkdir(parents=True, exist_ok=True)
    return path
