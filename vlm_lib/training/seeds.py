"""The one place that seeds go through.

Two needs. A training run seeds the global generators (`seed_everything`), because layers draw their initial
weights and dropout from them, and gives them back afterwards (`random_state_kept`). Data is drawn from generators
of its own (`stream`, `step_generator`), so that drawing one more caption never changes the next picture.
"""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import Iterator

import numpy as np
import torch

from vlm_lib.checks import check_at_least, check_seed


def seed_everything(seed: int) -> torch.Generator:
    """Seed Python, NumPy and torch (all devices); return a CPU generator seeded the same way.

    Raises: ValueError if `seed` is not an int in 0 .. 2**32 - 1 (NumPy's range). Chapter: 01_worlds.
    """
    seed = check_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Give the global generators of Python, NumPy and torch (all devices) back as they were found.

    Also a decorator, `@random_state_kept()`. What a reader draws after loading or training a model must not depend
    on whether the model came from the cache.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


def stream(seed: int, name: str) -> np.random.Generator:
    """A NumPy generator for (seed, name): equal pairs give equal numbers, different names independent ones.

    Raises: ValueError if `seed` is not an int in 0 .. 2**32 - 1.
    """
    # crc32 and not hash(): Python salts the hash of a string anew in every process
    return np.random.default_rng([check_seed(seed), zlib.crc32(name.encode())])


def step_seed(seed: int, step: int) -> int:
    """A seed for one step of a run: a hash of (seed, step), so that no two runs share the noise of their steps.

    Raises: ValueError if `seed` is not an int in 0 .. 2**32 - 1, or `step` not one >= 0.
    """
    pair = [check_seed(seed), check_at_least("step", step, 0)]
    return int(np.random.SeedSequence(pair).generate_state(1)[0])


def step_generator(seed: int, step: int) -> torch.Generator:
    """A torch generator for batch number `step` of a run: its rows are `torch.randint(n, (size,), generator=...)`.

    Equal pairs give equal rows, for every arm of an experiment that shares the seed. Raises: as `step_seed`.
    """
    return torch.Generator().manual_seed(step_seed(seed, step))
