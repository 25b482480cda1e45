"""Captions of scenes judged by what the scenes hold: no judge, no reference but the truth. Chapter: 22_clipcap."""

from __future__ import annotations

from collections.abc import Sequence

from vlm_lib.data import scenes
from vlm_lib.data.attributes import EMPTY, Scenes


def objects_named(said: Sequence[str], shown: Scenes) -> list[float]:
    """For each caption the share of its scene's objects that it names whole: size, colour and shape.

    Where objects stand is not asked. Raises: ValueError if there is not one caption per scene.
    """
    if len(said) != len(shown):
        raise ValueError(f"said: got {len(said)} captions for {len(shown)} scenes, expected one each")
    shares = []
    for caption, cells in zip(said, shown.attributes.tolist(), strict=True):
        names = [scenes.phrase(*cell) for cell in cells if cell[0] != EMPTY]
        shares.append(sum(name in caption for name in names) / len(names))
    return shares


def exactly_right(said: Sequence[str], shown: Scenes) -> list[bool]:
    """Whether each caption is the scene's canonical one, word for word. Raises: as `objects_named`."""
    if len(said) != len(shown):
        raise ValueError(f"said: got {len(said)} captions for {len(shown)} scenes, expected one each")
    return [caption == truth for caption, truth in zip(said, scenes.captions(shown), strict=True)]
