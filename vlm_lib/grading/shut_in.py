"""What keeps a submission's process to itself, where the system has it.

Linux limits memory, the size of a file and the number of processes. Where unprivileged namespaces are allowed
(`unshare`), the process has no network, sees no process but its own, finds the class's folders empty and all else
read-only but its own folder, whose disk space is limited; and whatever it started ends with it. Elsewhere it has
the teacher's rights.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import vlm_lib
from vlm_lib.cache import cache_dir

LIMITS = {"DATA": 4 << 30, "FSIZE": 256 << 20, "NPROC": 512, "CORE": 0}  # bytes, bytes, processes, bytes
DISK = "512m"  # of the working folder
SET_LIMITS = """
import os, resource, sys
for given in sys.argv[1].split(","):
    name, most = given.split("=")
    hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
    most = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
os.execvp(sys.argv[2], sys.argv[2:])
"""
NAMESPACES = [
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount",
    "--mount-proc",
]
# The process's folder, how many folders are hidden, these folders, and the command. A mount that may not be
# changed stays as it is; /proc and /dev are the kernel's own.
READ_ONLY = f"""
folder="$1"; hidden="$2"; shift 2
while [ "$hidden" -gt 0 ]; do mount -t tmpfs -o size=4k tmpfs "$1" || exit; shift; hidden=$((hidden - 1)); done
mount --bind "$folder" "$folder"
mount -t tmpfs -o size={DISK},mode=700 tmpfs "$folder/work"
mount -t tmpfs -o size=64m tmpfs /dev/shm 2>/dev/null
cut -d' ' -f2 /proc/self/mounts | while read -r at; do
  case "$at" in "$folder"*|/proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$at" 2>/dev/null ;; esac
done
cd "$folder/work" && exec "$@"
"""


def shut_in(command: list[str], folder: Path, hidden: Sequence[Path] = ()) -> list[str]:
    """The command that runs `command` in `folder`/work with as little of the rest as this system allows.

    Folders that are `hidden` look empty, where it can hide them.
    """
    if sys.platform != "linux":
        return command
    limits = ",".join(f"{name}={most}" for name, most in LIMITS.items())
    limited = [sys.executable, "-S", "-c", SET_LIMITS, limits, *command]
    return _alone(limited, folder, hidden) if has_namespaces() else limited


def _alone(command: list[str], folder: Path, hidden: Sequence[Path]) -> list[str]:
    return [*NAMESPACES, "sh", "-c", READ_ONLY, "sh", str(folder), str(len(hidden)), *map(str, hidden), *command]


@functools.cache
def has_namespaces() -> bool:
    """Whether this system lets us shut a process in: tried once, with all that is asked of it."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        tried = _alone(["sh", "-c", f"echo x > x && ! echo x > {name}/../x"], folder, [Path("/home")])
        try:
            return subprocess.run(tried, capture_output=True, timeout=60).returncode == 0
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return False


def can_be_hidden(*folders: Path) -> list[Path]:
    """The folders that can be hidden, the deepest first: they exist, and hold nothing that a process needs."""
    needed = [
        Path(vlm_lib.__file__),
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(tempfile.gettempdir()),
        cache_dir(),
    ]
    whole = {folder.resolve() for folder in folders if folder.is_dir()}
    spare = [folder for folder in whole if not any(path.resolve().is_relative_to(folder) for path in needed)]
    return sorted(spare, key=lambda folder: len(folder.parts), reverse=True)


def said() -> str:
    """In one sentence, what a submission can reach here."""
    if has_namespaces():
        return "Submissions run without a network, and can write into a folder of their own only."
    limits = " with limits on memory and processes, but" if sys.platform == "linux" else ""
    return (
        f"Submissions run{limits} with your rights: this system lets no process be shut off from the network and "
        "from your files."
    )
