"""A picture, a question, examples: what a model with a visual prefix says next, for every choice.

All answers are recorded from trained models; the script looks them up. Chapter: 21_frozen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.data.album import Games, question_ids
from vlm_lib.data.things import QUESTIONS, things, things_tokenizer
from vlm_lib.evaluation.visual_prompts import next_word
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.frozen import BLACK, Frozen

SHOWN = 4  # words to choose from that are shown as bars
Bars = list[tuple[str, int]]


@dataclass(frozen=True)
class Recording:
    """Likeliest next words with their chances in thousandths.

    pictures: what is shown; the last one is black. answers[model][question][picture] are bars. games: for each
    number of examples the pictures and made-up words of the prompt; naming[model][shots][picture] are bars, where
    `picture` 0 or 1 is the new view of either thing of the game, and 2 is black. taught: their made-up words.
    """

    pictures: list[str]
    things: list[dict[str, str]]
    answers: dict[str, dict[str, list[Bars]]] = field(default_factory=dict)
    games: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    naming: dict[str, dict[int, list[Bars]]] = field(default_factory=dict)
    taught: list[str] = field(default_factory=lambda: ["", ""])


def record(
    models: Mapping[str, Frozen],
    pictures: Float[Tensor, "things views 3 h w"],
    rows: Sequence[int],
    games: Sequence[Games],
) -> Recording:
    """Let every model answer every question about one view of each thing, and continue the games.

    rows: the things, of which the first two play. games: games of one row each, about those two, with more and
    more examples; the new picture at their end is replaced by either thing's first view, or by black.
    Raises: ValueError for fewer than two things.
    """
    if len(rows) < 2:
        raise ValueError(f"rows names {len(rows)} things, expected at least the two of the game")
    shown = torch.cat([pictures[list(rows), 0], torch.full_like(pictures[:1, 0], BLACK)])
    known = [{"title": things()[i].name} | {q: things()[i].answer(q) for q in QUESTIONS} for i in rows]
    recording = Recording([_picture(p) for p in shown], known)
    for name, model in models.items():
        recording.answers[name] = {
            q: _bars(next_word(model, shown, question_ids(q, len(shown)))) for q in QUESTIONS
        }
        recording.naming[name] = {}
    for game in games:
        shots = (game.pixels.shape[1] - 1) // 2
        told = [line.split()[-1] for line in things_tokenizer().decode(game.ids[0]).split(" . ")[:-1]]
        pictured = [_picture(p) for p in game.pixels[0, :-1]]
        recording.games[shots] = list(zip(pictured, told, strict=True))
        for thing, word in zip(game.examples[0].tolist(), told, strict=False):
            recording.taught[list(rows).index(thing)] = word
        for name, model in models.items():
            ends = [shown[0], shown[1], shown[-1]]
            prompts = torch.stack([torch.cat([game.pixels[0, :-1], end[None]]) for end in ends])
            chance = next_word(model, prompts.flatten(0, 1), game.ids.repeat(len(ends), 1))
            recording.naming[name][shots] = _bars(chance)
    return recording


def _bars(chance: Float[Tensor, "n vocab"]) -> list[Bars]:
    best = chance.topk(SHOWN)
    return [
        list(zip(things_tokenizer().convert_ids_to_tokens(ids), thousandths, strict=True))
        for ids, thousandths in zip(
            best.indices.tolist(), best.values.mul(1000).round().int().tolist(), strict=True
        )
    ]


def _picture(pixels: Float[Tensor, "3 h w"]) -> str:
    return data_uri(((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8))


def visual_prompt(recording: Recording) -> Html:
    """The figure, starting with the first model, the first picture and the question for its kind."""
    return figure(
        "visual_prompt",
        config={**vars(recording), "questions": QUESTIONS},
        static=_static(recording),
        alt="A drawing, a question about it or a naming game, and the words that a trained model finds likeliest",
        caption="Recorded from models trained in this chapter, for every choice. Bars: chances of the next word "
        "among all words of the vocabulary. Drawings: OpenMoji, CC BY-SA 4.0.",
    )


def _static(recording: Recording) -> str:
    """Every picture with what the first model says of its kind, and the same for the black one."""
    name, answers = next(iter(recording.answers.items()))
    labels = [thing["title"] for thing in recording.things] + ["black"]
    shown = "".join(
        f'<p><img alt="the picture: {escape(label)}" width="64" height="64" src="{source}"> '
        f"{QUESTIONS['kind']} <b>{escape(bars[0][0])}</b> ({bars[0][1] / 10:.0f} %)</p>"
        for label, source, bars in zip(labels, recording.pictures, answers["kind"], strict=True)
    )
    return f"<p><b>{escape(name)}</b></p>{shown}"
