"""Which seeds a chapter measures with, and which it chooses learning rates and sizes on.

`make verify` runs every chapter once more with other seeds; a chapter that takes them from here needs no change.
"""

import os

SPARE_FROM = 1000  # measured seeds stay below it


def seeds(n: int = 5) -> tuple[int, ...]:
    """The measured seeds: `n` consecutive ones from 0, or from `$VLM_SEEDS_FROM` where that is set.

    Raises: ValueError for fewer than 1 or more than 1000 seeds, or a variable that is no count.
    Chapters: every one.
    """
    _check(n)
    return tuple(range(_shift(), _shift() + n))


def spare_seeds(n: int = 2) -> tuple[int, ...]:
    """Seeds for choosing a learning rate or a size: `n` from 1000 on, shifted alike; never a measured one.

    Raises: ValueError as `seeds` does.
    """
    _check(n)
    return tuple(range(SPARE_FROM + _shift(), SPARE_FROM + _shift() + n))


def _check(n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= SPARE_FROM:
        raise ValueError(f"n is {n!r}, expected an int from 1 to {SPARE_FROM}")


def _shift() -> int:
    text = os.environ.get("VLM_SEEDS_FROM", "0")
    if not text.isdecimal():
        raise ValueError(f"the environment variable VLM_SEEDS_FROM is {text!r}, expected a count such as 10")
    return int(text)
