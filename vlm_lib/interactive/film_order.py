"""A short film whose frames have been mixed up: who comes before whom, says the model, and in which order it puts
them.

Every one of the 24 ways to lay the frames out was given to the model once, with the film's own lines and with
another film's; the script looks the answers up. Chapter: 33_merlot.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from vlm_lib.checks import require_shape
from vlm_lib.evaluation.film_order import before, best_order
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.merlot import Merlot

FRAMES = 4
LAYOUTS = tuple(itertools.permutations(range(FRAMES)))
FIRST = (2, 0, 3, 1)  # the layout that the figure starts with


@dataclass(frozen=True)
class Recorded:
    """A model's answers for one film. For each layout: which frame lies where; the matrix in thousandths, row
    before column; and the places of the frames in the order that the model gives them."""

    layouts: list[list[int]]
    matrices: list[list[list[int]]]
    orders: list[list[int]]


@torch.no_grad()
def record(model: Merlot, frames: Float[Tensor, "4 3 h w"], ids: Int[Tensor, "4 words"]) -> Recorded:
    """Ask about the frames in every layout, with `ids` as the narration, in its true order.

    Raises: ValueError for another number of frames or lines than four.
    """
    require_shape("frames", frames, frames=FRAMES, channels=3, height=None, width=None)
    require_shape("ids", ids, lines=FRAMES, words=None)
    tokens, _ = model.see(frames[None])
    laid = tokens[0][torch.tensor(LAYOUTS)]
    hidden = FRAMES + torch.arange(FRAMES).expand(len(LAYOUTS), -1)
    joined = model.join(laid, ids.expand(len(LAYOUTS), -1, -1), hidden)
    chances = before(model.pair_logits(joined)[1])
    orders = [best_order(chance) for chance in chances]
    return Recorded([list(layout) for layout in LAYOUTS], chances.mul(1000).round().int().tolist(), orders)


@dataclass(frozen=True)
class FilmAnswers:
    """A film, its pictures in their true order, its lines and another film's, and the answers with each."""

    name: str
    frames: UInt8[Tensor, "4 3 h w"]
    lines: list[str]
    other_lines: list[str]
    own: Recorded
    other: Recorded


def film_order(films: Sequence[FilmAnswers]) -> Html:
    """The figure. Raises: ValueError for no film."""
    if not films:
        raise ValueError("films is empty, expected at least one")
    shown = [
        {
            "name": film.name,
            "pictures": [data_uri(frame) for frame in film.frames],
            "lines": {"own": film.lines, "other": film.other_lines},
            "answers": {"own": _table(film.own), "other": _table(film.other)},
        }
        for film in films
    ]
    return figure(
        "film_order",
        config={"films": shown, "first": list(FIRST)},
        static=_static(shown[0]),
        alt="Four frames of a short film in any layout, a matrix of which comes before which, the model's order",
        caption="Recorded from a trained model, for films of things that its training left out. A cell is the "
        "chance that the row's frame comes before the column's; dotted cells are on the wrong side of one half.",
    )


def _table(recorded: Recorded) -> dict[str, dict[str, object]]:
    """By layout, written as digits."""
    rows = zip(recorded.layouts, recorded.matrices, recorded.orders, strict=True)
    return {"".join(map(str, layout)): {"matrix": matrix, "order": order} for layout, matrix, order in rows}


def _static(film: dict) -> str:
    """The first film in the first layout: frames, matrix, and the order the model gives them."""
    key = "".join(map(str, FIRST))
    answer, pictures = film["answers"]["own"][key], film["pictures"]
    image = lambda frame, text: f'<img alt="{text} of the film" width="72" height="72" src="{pictures[frame]}">'  # noqa: E731
    laid = "".join(
        f"<span>{image(frame, f'frame {name}')}</span>" for name, frame in zip("ABCD", FIRST, strict=True)
    )
    head = "".join(f'<th scope="col">{letter}</th>' for letter in "ABCD")
    rows = "".join(
        f'<tr><th scope="row">{"ABCD"[r]} before</th>'
        + "".join(f'<td class="vlm-n">{"" if r == c else f"{n / 10:.0f} %"}</td>' for c, n in enumerate(row))
        + "</tr>"
        for r, row in enumerate(answer["matrix"])
    )
    order = "".join(
        f"<span>{image(FIRST[place], f'in place {at}')}</span>" for at, place in enumerate(answer["order"], 1)
    )
    said = "".join(f"<li>{escape(line)}</li>" for line in film["lines"]["own"])
    return (
        f'<p class="vlm-label">The frames, mixed up</p><div class="vlm-strip">{laid}</div><ol>{said}</ol>'
        f'<div class="vlm-scroll"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        f'<p class="vlm-label">The model\'s order</p><div class="vlm-strip">{order}</div>'
    )
