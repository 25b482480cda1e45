"""Progress for the person who waits: a bar on a terminal or in a live notebook, two lines in a log.

Where TQDM_DISABLE is set, as `make run` does, nothing at all is shown: stored outputs hold no progress.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm.auto import tqdm


def progress(iterable: Iterable, title: str | None, *, initial: int = 0, total: int | None = None) -> Iterable:
    """Iterate, showing how far it has come; no title, nothing shown.

    initial, total: where a resumed run starts, and its length; the default is that of `iterable`. What comes back
    has tqdm's `set_postfix(loss="0.12")`; a log shows the last one.
    """
    if title is None or os.environ.get("TQDM_DISABLE", "0") not in ("", "0"):
        return tqdm(iterable, disable=True)  # not by the variable alone: tqdm's widget draws itself all the same
    if sys.stderr.isatty() or _in_live_notebook():
        return tqdm(iterable, desc=title, initial=initial, total=total)
    return _Lines(iterable, title, len(iterable) if total is None else total - initial)


class _Lines:
    """A line at the start and one at the end: a log must not fill up with bars."""

    def __init__(self, iterable: Iterable, title: str, steps: int):
        self.iterable, self.title, self.steps, self.last = iterable, title, steps, ""

    def __iter__(self) -> Iterator[Any]:
        start = time.perf_counter()
        print(f"{self.title}: {self.steps} steps", file=sys.stderr)
        yield from self.iterable
        print(f"{self.title}: done in {time.perf_counter() - start:.0f} s{self.last}", file=sys.stderr)

    def set_postfix(self, refresh: bool = True, **values: Any) -> None:
        self.last = "".join(f", {name} {value}" for name, value in values.items())


def _in_live_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config
