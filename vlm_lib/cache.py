"""Where the library keeps what it has built, and how every file of it is written: whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def cache_dir() -> Path:
    """The folder for built artefacts, made if missing: `$VLM_LIB_CACHE`, else the user's cache folder.

    Everything below it can be deleted at any time; whatever is missing is built again. It may be read-only as long
    as nothing is missing. Raises: ValueError if `$VLM_LIB_CACHE` is relative (it would be another folder after a
    change of directory), or if the folder cannot be made. Chapter: 01_worlds.
    """
    import platformdirs  # here, since the check for GPUs writes files before its packages are unpacked

    chosen = os.environ.get("VLM_LIB_CACHE")
    path = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("vlm_lib"))
    if not path.is_absolute():
        raise ValueError(f"VLM_LIB_CACHE: got {chosen!r}, expected an absolute path")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"VLM_LIB_CACHE: got {str(path)!r}, expected a folder or where one can be made ({error.strerror})"
        ) from error
    return path


def write_atomically(path: Path | str, content: bytes | str) -> None:
    """Write a file, text as UTF-8, so that it appears under its name only when complete.

    A reader, or a run that follows a kill, finds the old file or the new one. A new file gets the mode that the
    umask asks for, an old one keeps its own. Folders that are missing are made. Raises: OSError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    # short, whatever the file's own name: names end at 255 bytes
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as file:
            if mode is not None:
                part.chmod(mode)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_writable(name: str, path: Path | str) -> None:
    """Refuse a path at which `write_atomically` could not write, before the work that is to be kept there begins.

    Raises: ValueError, naming the argument `name`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        probe = path.parent / f".{secrets.token_hex(8)}.part"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"{name}: got {str(path)!r}, expected a file that can be written ({error.strerror})"
        ) from error
