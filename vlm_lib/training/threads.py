"""How many threads a run takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One CPU thread, whatever the machine has; the number is given back afterwards.

    Models as small as the book's gain nothing from a second one (measured: the same time, twice the work). With
    one, the numbers don't depend on how many cores there are, and CPU time is what an idle core would need.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
