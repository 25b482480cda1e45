"""A day in clips becomes a log in words, and a language model is asked about the log, which is all that it gets.

Source: the egocentric part of Socratic Models, section 5.1 (arXiv 2204.00598): a log of key moments, then
"Q: ... A:", "Summary of my day:", or the next time to be filled in. Step-by-step prompts: Kojima et al. 2022
(arXiv 2205.11916) without examples, Wei et al. 2022 (arXiv 2201.11903) with them. Chapter: 43_socratic_models.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.checks import check_one_of
from vlm_lib.data.attributes import COLOURS, SHAPES, SIZES
from vlm_lib.data.captions import phrase
from vlm_lib.data.days import Days
from vlm_lib.models.clip import ContrastiveModel

MORNING = 8  # o'clock: when the first moment is; an hour lies between moments
ASK = {
    "what": ("What is the {} object?", "The {} object is a"),
    "after": ("What did I see right after the {} object?", "Right after the {} object I saw a"),
}
STEPS = "Let's think step by step."
OBJECTS = tuple(product(range(len(SHAPES)), range(len(COLOURS)), range(len(SIZES))))


class Seen(NamedTuple):
    """What a log says of one moment."""

    colour: str
    shape: str


def similarities(clip: ContrastiveModel, days: Days) -> Float[Tensor, "days moments objects"]:
    """The cosine of each clip, the mean of its frames, with a caption of each of OBJECTS: no words yet."""
    frames = days.frames.flatten(0, 2)
    vectors = torch.cat([clip.encode_image(part) for part in frames.split(256)])
    moments = vectors.unflatten(0, days.frames.shape[:3]).mean(dim=2)
    return moments @ clip.encode_text([f"a {phrase(*each)} ." for each in OBJECTS]).T


def watch(similarity: Float[Tensor, "days moments objects"]) -> list[list[Seen]]:
    """What the eyes put into words: the nearest caption's colour and shape, for each moment."""
    nearest = [[OBJECTS[i] for i in day] for day in similarity.argmax(dim=2).tolist()]
    return [[Seen(COLOURS[colour], SHAPES[shape]) for shape, colour, _ in day] for day in nearest]


def truth(days: Days) -> list[list[Seen]]:
    """What perfect eyes would say."""
    pairs = zip(days.colours, days.shapes, strict=True)
    return [[Seen(*each) for each in zip(colours, shapes, strict=True)] for colours, shapes in pairs]


def log(seen: Sequence[Seen]) -> str:
    """One line per moment: "08:00 The red object is a circle." """
    return "\n".join(
        f"{hour:02}:00 The {each.colour} object is a {each.shape}." for hour, each in enumerate(seen, MORNING)
    )


def question(seen: Sequence[Seen], colour: str, kind: str = "what") -> str:
    """The log and a question, up to the word that answers. Raises: ValueError for an unknown kind."""
    asked, cue = _asked(colour, kind)
    return f"{log(seen)}\nQ: {asked}\nA: {cue}"


def steps_prompt(seen: Sequence[Seen], colour: str, kind: str = "what") -> str:
    """The log, the question and the request to think: the model writes its steps behind it."""
    return f"{log(seen)}\nQ: {_asked(colour, kind)[0]}\nA: {STEPS}"


def after_steps(prompt: str, steps: str, colour: str, kind: str = "what") -> str:
    """A prompt with the steps that were written behind it, up to the word that answers."""
    cue = _asked(colour, kind)[1]
    return f"{prompt} {steps.strip()}\nSo {cue[0].lower()}{cue[1:]}"


def true_steps(seen: Sequence[Seen], colour: str, kind: str = "what") -> str:
    """The steps that somebody who can read would write. Raises: ValueError if the log lacks them."""
    at = _moment(seen, colour)
    if kind == "what":
        return f"The {colour} object is in the line of {MORNING + at:02}:00."
    following = seen[at + 1]
    return (
        f"The {colour} object is in the line of {MORNING + at:02}:00. The next line is that of "
        f"{MORNING + at + 1:02}:00, and there the {following.colour} object is a {following.shape}."
    )


def example(seen: Sequence[Seen], colour: str, kind: str, *, worked: bool) -> str:
    """Another day's log with its question and answer, to stand before the one that counts."""
    (asked, cue), answer = _asked(colour, kind), look_up(seen, colour, kind)
    said = f"{true_steps(seen, colour, kind)}\nSo {cue[0].lower()}{cue[1:]}" if worked else cue
    return f"{log(seen)}\nQ: {asked}\nA: {said} {answer}.\n\n"


def look_up(seen: Sequence[Seen], colour: str, kind: str = "what") -> str:
    """The answer that stands in the log, found by a program. Raises: ValueError if it isn't there."""
    return seen[_moment(seen, colour) + (kind == "after")].shape


def from_features(similarity: Float[Tensor, "moments objects"], colour: str, kind: str = "what") -> str:
    """The answer without any log: the moment nearest to "a ... red ...", and the shape nearest to it there."""
    of_colour = torch.tensor([COLOURS[c] == colour for _, c, _ in OBJECTS])
    at = similarity[:, of_colour].amax(dim=1).argmax()
    if kind == "after":
        at, of_colour = at + 1, torch.ones_like(of_colour)
    best = similarity[at].masked_fill(~of_colour, -2).argmax()
    return SHAPES[OBJECTS[best][0]]


def forecast(seen: Sequence[Seen]) -> str:
    """The log and the next hour, up to the colour of what will be there."""
    return f"{log(seen)}\n{MORNING + len(seen):02}:00 The"


def summary(seen: Sequence[Seen]) -> str:
    """The log and the request for a summary, up to what was seen."""
    return f"{log(seen)}\nSummary of my day: I saw a"


def mentioned(text: str) -> set[Seen]:
    """The objects that a text names, a colour directly before a shape."""
    words = [word.strip(".,;:!?") for word in text.lower().split()]
    return {Seen(a, b) for a, b in zip(words, words[1:], strict=False) if a in COLOURS and b in SHAPES}


def _asked(colour: str, kind: str) -> tuple[str, str]:
    check_one_of("kind", kind, tuple(ASK))
    return tuple(text.format(colour) for text in ASK[kind])


def _moment(seen: Sequence[Seen], colour: str) -> int:
    colours = [each.colour for each in seen]
    if colour not in colours:
        raise ValueError(f"colour: got {colour!r}, expected one of the log's: {', '.join(colours)}")
    return colours.index(colour)
