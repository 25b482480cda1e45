"""Pictures of the 48 things, and texts with a place for them: captions, questions, naming games with pictures.

Chapter: 21_frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import check_one_of, check_range, check_seed
from vlm_lib.data import openmoji
from vlm_lib.data.things import MADE_UP, QUESTIONS, captioned, things, things_tokenizer
from vlm_lib.data.tokenizer import BOS, IMAGE
from vlm_lib.data.views import views
from vlm_lib.training.seeds import stream

TOKENS = 2
MOST_SHOTS = 5


@dataclass(frozen=True)
class Album:
    """Views of every thing, made once: to train on, to choose learning rates by, and to measure on."""

    train: Float[Tensor, "things views 3 32 32"]
    validation: Float[Tensor, "things views 3 32 32"]
    test: Float[Tensor, "things views 3 32 32"]


@dataclass(frozen=True)
class Games:
    """Naming games of equal length: `pixels` in reading order, the prompt up to the word that is asked for.

    answers: the right made-up word, others: the game's other one, as ids. examples: the thing of each picture.
    """

    pixels: Float[Tensor, "games images 3 32 32"]
    ids: Int[Tensor, "games seq"]
    answers: Int[Tensor, " games"]
    others: Int[Tensor, " games"]
    examples: Int[Tensor, "games images"]


def album(seed: int = 0) -> Album:
    """24 views of every drawing to train on, 4 to validate, 8 to test."""
    drawings = openmoji.load().images[[thing.row for thing in things()]]
    return Album(*(views(drawings, each, check_seed(seed) + k) for k, each in enumerate((24, 4, 8))))


def image_words(tokens: int = TOKENS) -> str:
    """An image's place in a text: one <image> for each of its vectors."""
    return " ".join([IMAGE] * tokens)


def caption_ids(rows: Sequence[int], tokens: int = TOKENS) -> Int[Tensor, "n seq"]:
    """ "<bos> <image> <image> : it is called lion ." for each thing."""
    texts = [f"{BOS} {image_words(tokens)} : {QUESTIONS['name']} {things()[i].name} ." for i in rows]
    return things_tokenizer()(texts, return_tensors="pt", padding=True).input_ids


def given(tokens: int = TOKENS) -> int:
    """How many tokens of a caption are the same for all: start, image, colon, "it is called"."""
    return 2 + tokens + len(QUESTIONS["name"].split())


def caption_batches(
    pictures: Float[Tensor, "things views 3 32 32"], seed: int, size: int = 32, tokens: int = TOKENS
) -> Callable[[int], tuple[Float[Tensor, "n 3 32 32"], Int[Tensor, "n seq"]]]:
    """step -> views of captioned things with their captions."""
    known = np.array(captioned())
    ids = caption_ids(known.tolist(), tokens)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rng = stream(seed, f"captions {step}")
        rows, view = rng.integers(len(known), size=size), rng.integers(pictures.shape[1], size=size)
        return pictures[known[rows], view], ids[rows]

    return batch


def question_ids(question: str, n: int, tokens: int = TOKENS) -> Int[Tensor, "n seq"]:
    """ "<bos> <image> <image> : it is a kind of", n times. Raises: ValueError for an unknown question."""
    check_one_of("question", question, tuple(QUESTIONS))
    text = f"{BOS} {image_words(tokens)} : {QUESTIONS[question]}"
    return things_tokenizer()([text] * n, return_tensors="pt").input_ids


def answer_ids(question: str, rows: Sequence[int]) -> Int[Tensor, " n"]:
    """The first word of the right answer for each thing."""
    words = [things()[i].answer(question) for i in rows]
    return torch.tensor(things_tokenizer().convert_tokens_to_ids(words))


def naming_games(
    pictures: Float[Tensor, "things views 3 32 32"],
    among: Sequence[int],
    n: int,
    shots: int,
    seed: int,
    tokens: int = TOKENS,
) -> Games:
    """Two things, two made-up words, `shots` examples of each in any order, then a new picture of one of them.

    No view comes twice in a game. Raises: ValueError for more shots than there are views.
    """
    check_range("shots", (0, shots), 0, min(MOST_SHOTS, pictures.shape[1] - 1))
    rng, rows, seen, texts, words = stream(seed, f"games {shots}"), [], [], [], []
    for _ in range(n):
        pair = rng.permutation(len(among))[:2]
        names = rng.permutation(len(MADE_UP))[:2]
        turns = [*rng.permutation([0, 1] * shots), rng.integers(2)]
        view = [iter(rng.permutation(pictures.shape[1])) for _ in pair]
        rows.append([among[pair[turn]] for turn in turns])
        seen.append([next(view[turn]) for turn in turns])
        words.append([MADE_UP[names[turns[-1]]], MADE_UP[names[1 - turns[-1]]]])
        image = image_words(tokens)
        texts.append(" ".join([BOS, *(f"{image} {MADE_UP[names[turn]]} ." for turn in turns[:-1]), image]))
    tokenizer = things_tokenizer()
    ids = tokenizer(texts, return_tensors="pt").input_ids
    right, other = (torch.tensor(tokenizer.convert_tokens_to_ids(list(w))) for w in zip(*words, strict=True))
    return Games(pictures[torch.tensor(rows), torch.tensor(np.array(seen))], ids, right, other, torch.tensor(rows))
