"""Short films with a chatty narrator: four frames of one object, and a line of seven words that goes with each.

A film follows one of six scripts. Two of them, dividing and being snowed in, never run backwards, so whoever has
seen films can tell their frames' order without a word. The other four are two pairs of opposites: growing and
shrinking, rising and falling show the same frames in opposite orders, and only the narration tells which it is.
It names colour, shape and state in some lines and says nothing in others. Source of the task: MERLOT (arXiv
2106.02636). Chapter: 33_merlot.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int, Int8, UInt8
from torch import Tensor

from vlm_lib.checks import check_at_least, check_range
from vlm_lib.data.attributes import COLOURS, HELD_OUT, SHAPES
from vlm_lib.data.sprites import PALETTE, coverage
from vlm_lib.training.seeds import stream

SIDE, STEPS, WORDS = (
    32,
    4,
    8,
)  # pixels of a frame's side; frames of a film; tokens of a line, its start mark included
SCRIPTS = {
    "grows": ("tiny", "small", "big", "huge"),
    "shrinks": ("huge", "big", "small", "tiny"),
    "rises": ("bottom", "low", "high", "top"),
    "falls": ("top", "high", "low", "bottom"),
    "divides": ("one", "two", "three", "four"),
    "snows": ("bare", "dusted", "half", "deep"),
}
ONE_WAY = ("divides", "snows")
OPPOSITES = (("grows", "shrinks"), ("rises", "falls"))  # the first of each pair is the one drawn more often
STATES = tuple(dict.fromkeys(state for states in SCRIPTS.values() for state in states))
FILLERS = ("so", "okay", "um", "you", "know", "well", "right", "now", "then", "just", "like", "here")
START, MASK = "[start]", "[mask]"
VOCABULARY = (START, MASK, *FILLERS, "the", "it", "is", *COLOURS, *SHAPES, *STATES)
WORD_ID = {word: number for number, word in enumerate(VOCABULARY)}
VISUAL = frozenset((*COLOURS, *SHAPES, *STATES))
SPECIAL = 2  # ids below this are the marks, which are never masked
# What a line says of its frame, and how often; fillers make it seven words
SAYINGS = {"the {colour} {shape} is {state}": 0.4, "it is {state}": 0.3, "the {colour} {shape}": 0.15, "": 0.15}
_SHIFT, _BACKGROUND, _NOISE = 1, (15, 95), 9


@dataclass(frozen=True)
class Films:
    """frames: pixels 0 .. 255. ids: the lines. scripts, shapes, colours: indices. states: index into STATES by
    frame.

    told: which lines name their frame's state.
    """

    frames: UInt8[Tensor, "n 4 3 32 32"]
    ids: Int[Tensor, "n 4 8"]
    scripts: Int8[np.ndarray, " n"]
    shapes: Int8[np.ndarray, " n"]
    colours: Int8[np.ndarray, " n"]
    states: Int8[np.ndarray, "n 4"]
    told: np.ndarray

    def __len__(self) -> int:
        return len(self.scripts)

    def __getitem__(self, index: slice | np.ndarray) -> Films:
        """A subset, by slice, index array or boolean array."""
        return Films(*(getattr(self, field.name)[index] for field in fields(self)))


def films(
    n: int,
    seed: int,
    *,
    scripts: Sequence[str] = tuple(SCRIPTS),
    objects: int | None = None,
    held_out: bool = False,
    skew: float = 1.0,
) -> Films:
    """Draw `n` films: the same seed gives the same films.

    objects: how many different coloured shapes there are; all those that are not held out if None. held_out: only
    those. skew: how many times as often the first of two opposite scripts comes as the second. Raises: ValueError
    for n < 1, an unknown script or none, objects outside 1 .. 40, or a skew that is not positive.
    """
    n = check_at_least("n", n, 1)
    if not scripts or set(scripts) - set(SCRIPTS):
        raise ValueError(f"scripts: got {tuple(scripts)}, expected one or more of {tuple(SCRIPTS)}")
    if not 0 < skew < np.inf:
        raise ValueError(f"skew: got {skew!r}, expected a positive number")
    rng, names = stream(seed, "films"), list(SCRIPTS)
    weight = np.array([skew if name in {first for first, _ in OPPOSITES} else 1.0 for name in scripts])
    script = rng.choice([names.index(name) for name in scripts], size=n, p=weight / weight.sum()).astype(np.int8)
    kinds = _kinds(held_out)
    if objects is not None:
        most = check_range("objects", objects, 1, len(kinds))[1]
        kinds = kinds[stream(0, "which objects").permutation(len(kinds))[:most]]
    colour, shape = kinds[rng.integers(len(kinds), size=n)].T.astype(np.int8)
    states = np.array([[STATES.index(state) for state in SCRIPTS[names[s]]] for s in script], dtype=np.int8)
    said = rng.choice(len(SAYINGS), size=(n, STEPS), p=list(SAYINGS.values()))
    lines = [[_line(said[i, t], shape[i], colour[i], states[i, t], rng) for t in range(STEPS)] for i in range(n)]
    told = np.array(["{state}" in saying for saying in SAYINGS])[said]
    return Films(_render(shape, colour, states, rng), torch.tensor(lines), script, shape, colour, states, told)


def text_of(ids: Int[Tensor, " words"]) -> str:
    """A line as a reader sees it, without its start mark."""
    return " ".join(VOCABULARY[i] for i in ids.tolist() if VOCABULARY[i] != START)


def without_words(ids: Int[Tensor, "*batch 8"], seed: int) -> Int[Tensor, "*batch 8"]:
    """Lines of as many words that say nothing: every word a filler, drawn anew."""
    fillers = stream(seed, "fillers").choice([WORD_ID[word] for word in FILLERS], size=tuple(ids.shape))
    silent = torch.from_numpy(fillers)
    silent[..., 0] = WORD_ID[START]
    return silent


def _kinds(held_out: bool) -> Int[np.ndarray, "kinds 2"]:
    pairs = [(c, s) for c in range(len(COLOURS)) for s in range(len(SHAPES))]
    return np.array([(c, s) for c, s in pairs if ((COLOURS[c], SHAPES[s]) in HELD_OUT) == held_out])


def _line(said: int, shape: int, colour: int, state: int, rng: np.random.Generator) -> list[int]:
    saying = list(SAYINGS)[said].format(colour=COLOURS[colour], shape=SHAPES[shape], state=STATES[state]).split()
    fillers = [str(word) for word in rng.choice(FILLERS, size=WORDS - 1 - len(saying))]
    before = int(rng.integers(len(fillers) + 1))
    return [WORD_ID[word] for word in (START, *fillers[:before], *saying, *fillers[before:])]


@functools.cache
def _covered(shape: str, state: str) -> Float[np.ndarray, "32 32"]:
    """How much of each pixel the object covers, or the objects."""
    if state in SCRIPTS["grows"]:
        return coverage(shape, (3.5, 6.5, 10.0, 14.0)[SCRIPTS["grows"].index(state)], 0, 0, SIDE)
    if state in SCRIPTS["rises"]:
        return coverage(shape, 6.0, 0, (9, 3, -3, -9)[SCRIPTS["rises"].index(state)], SIDE)
    if state in SCRIPTS["divides"]:
        places = ((-8, -8), (8, 8), (8, -8), (-8, 8))[: SCRIPTS["divides"].index(state) + 1]
        return sum(coverage(shape, 6.0, dx, dy, SIDE) for dx, dy in places)
    return coverage(shape, 11.0, 0, 0, SIDE)


def _render(shape: np.ndarray, colour: np.ndarray, states: np.ndarray, rng: np.random.Generator) -> Tensor:
    n = len(shape)
    palette = np.array([PALETTE[name] for name in COLOURS], dtype=np.float32)
    names = [[STATES[state] for state in row] for row in states]
    covered = np.stack(
        [np.stack([_covered(SHAPES[s], state) for state in row]) for s, row in zip(shape, names, strict=True)]
    )
    shift = rng.integers(-_SHIFT, _SHIFT + 1, size=(n, STEPS, 2))
    for i, t in np.ndindex(n, STEPS):
        covered[i, t] = np.roll(covered[i, t], tuple(shift[i, t]), axis=(0, 1))
    ground = rng.uniform(*_BACKGROUND, size=(n, 1, 1, 1, 1)).astype(np.float32)
    picture = ground + covered[:, :, None] * (palette[colour][:, None, :, None, None] - ground)
    for i, t in np.ndindex(n, STEPS):
        if names[i][t] in SCRIPTS["snows"]:
            lying = 8 * SCRIPTS["snows"].index(names[i][t])
            picture[i, t, :, SIDE - lying :] = 225
    noise = rng.integers(-_NOISE, _NOISE + 1, size=picture.shape)
    return torch.from_numpy(np.clip(picture + noise, 0, 255).astype(np.uint8))
