"""Batches of films, or of stills cut out of them, with some frames' places hidden. Chapter: 33_merlot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import check_at_least
from vlm_lib.data.films import STEPS, Films
from vlm_lib.training.seeds import step_generator


@dataclass(frozen=True)
class FilmBatch:
    """What one update reads; `generator` draws the words to be masked."""

    frames: Float[Tensor, "batch segments 3 32 32"]
    ids: Int[Tensor, "batch segments 8"]
    places: Int[Tensor, "batch segments"]
    generator: torch.Generator


def hide_places(
    groups: int, segments: int, share: float, generator: torch.Generator
) -> Int[Tensor, "groups segments"]:
    """Places of frames; with probability `share` a group hides 2 to `segments` of them.

    A hidden place is `segments` plus a random number below it, no number twice in a group. Source:
    model/dataloader.py (rowanz/merlot), where the share is 0.4. Raises: ValueError for a share outside 0 .. 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: got {share!r}, expected a probability")
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    places = torch.arange(segments).expand(groups, -1)
    if segments < 2:
        return places
    count = torch.randint(2, segments + 1, (groups, 1), generator=generator) * (draw(groups, 1) < share)
    hidden = draw(groups, segments).argsort(dim=1) < count
    return torch.where(hidden, segments + draw(groups, segments).argsort(dim=1), places)


def as_pixels(frames: Tensor) -> Tensor:
    """uint8 to floats from 0 to 1, as the encoder takes them."""
    return frames.float() / 255


def film_batches(
    films: Films, size: int, seed: int, *, hide: float = 0.8, stills: bool = False
) -> Callable[[int], FilmBatch]:
    """step -> a batch of `size` films drawn at random, the same for every model that shares the seed.

    stills: as many frames with their lines, each from a film of its own and alone. Raises: ValueError for size <
    1.
    """
    size = check_at_least("size", size, 1)

    def batch(step: int) -> FilmBatch:
        generator = step_generator(seed, step)
        count = size * STEPS if stills else size
        rows = torch.randint(len(films), (count,), generator=generator)
        frames, ids = films.frames[rows], films.ids[rows]
        if stills:
            one = torch.arange(count), torch.randint(STEPS, (count,), generator=generator)
            frames, ids = frames[one][:, None], ids[one][:, None]
        places = hide_places(count, frames.shape[1], hide, generator)
        return FilmBatch(as_pixels(frames), ids, places, generator)

    return batch
