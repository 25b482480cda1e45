"""The one place that seeds go through.

Two needs, two functions. A training run seeds the global generators once (`seed_everything`), because layers draw
their initial weights and dropout from them. Data is drawn from a generator of its own (`stream`), so that drawing
one more caption never changes the next picture.
"""

from __future__ import annotations

import random
import zlib

import numpy as np
import torch

from vlm_lib.checks import check_seed


def seed_everything(seed: int) -> torch.Generator:
    """Seed Python, NumPy and torch (all devices); return a CPU generator seeded the same way.

    Raises: ValueError if `seed` is not an int in 0 .. 2**32 - 1 (NumPy's range). Chapter: 01_worlds.
    """
    check_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def stream(seed: int, name: str) -> np.random.Generator:
    """A NumPy generator for (seed, name): equal pairs give equal numbers, different names independent ones.

    Raises: ValueError if `seed` is not an int in 0 .. 2**32 - 1.
    """
    check_seed(seed)
    # crc32 and not hash(): Python salts the hash of a string anew in every process
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
