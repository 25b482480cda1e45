"""One forward pass of a trained CoCa over a drawing: where queries look, the caption as it is written, the score.

All values are recorded from the model; the script looks them up. Chapter: 35_coca.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from vlm_lib.attention.pooling_weights import pooling_weights
from vlm_lib.checks import require_shape
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.coca import CoCa

BARS = 4  # next words shown at a step


@dataclass(frozen=True)
class Look:
    """One drawing: `maps[query]` are shares of attention in thousandths, the contrastive query first.

    words: the caption, end mark included, a word a step; bars[step]: (word, chance in thousandths). scores: (name,
    cosine in thousandths, whether it is the drawing's own), the highest first.
    """

    name: str
    maps: list[list[int]]
    words: list[str]
    bars: list[list[tuple[str, int]]]
    scores: list[tuple[str, int, bool]]


@torch.no_grad()
def record(
    model: CoCa,
    image: Tensor,
    name: str,
    candidates: Sequence[str],
    *,
    to_ids: Callable[[list[str]], Int[Tensor, "n seq"]],
    to_word: Callable[[int], str],
    end: int,
    longest: int,
) -> Look:
    """Let `model`, whose poolers stand in cascade, look at one image, [1 ...] as its encoder takes it.

    candidates: names to be scored, the image's own among them. Raises: ValueError where it is not, or for poolers
    that do not stand in cascade.
    """
    if name not in candidates:
        raise ValueError(f"candidates: got {list(candidates)}, expected the image's own name {name!r} among them")
    if model.poolers.arrangement != "cascade":
        raise ValueError(f"model: its poolers are {model.poolers.arrangement}, expected cascade")
    seen = model.see(image)
    ids = to_ids([name])[:1, :1]  # the start mark
    words, bars = [], []
    for _ in range(longest):
        chance = model.write(model.read(ids).words, seen.tokens)[0, -1].softmax(dim=-1)
        best, numbers = chance.topk(BARS)
        bars.append([(to_word(n), round(1000 * p)) for p, n in zip(best.tolist(), numbers.tolist(), strict=True)])
        ids = torch.cat([ids, numbers[None, :1]], dim=1)
        words.append(to_word(int(numbers[0])))
        if int(numbers[0]) == end:
            break
    cosines = (seen.features @ model.read(to_ids(list(candidates))).features.T)[0]
    ranked = [
        (candidates[i], round(1000 * float(cosines[i])), candidates[i] == name)
        for i in cosines.argsort(descending=True)
    ]
    return Look(name, attention_maps(model, image).mul(1000).round().int().tolist(), words, bars, ranked)


@torch.no_grad()
def attention_maps(model: CoCa, image: Tensor) -> Tensor:
    """[1 + queries, tokens] of one image, mean over the heads; each row sums to 1.

    The contrastive query reads the captioning queries' outputs, not the image: its row is its weights times
    theirs, what it would give each place if values were passed on unchanged (attention rollout, Abnar and Zuidema
    2020, arXiv 2005.00928).
    """
    tokens = model.encoder(image)
    captioning = model.poolers.captioning
    many = pooling_weights(captioning, tokens)[0].mean(dim=0)
    one = pooling_weights(model.poolers.contrastive, captioning(tokens))[0].mean(dim=0)
    return torch.cat([one @ many, many])


def coca_look(looks: Sequence[Look], pictures: UInt8[Tensor, "n 3 h w"]) -> Html:
    """The figure. Raises: ValueError unless there is a picture for each look, one at least."""
    require_shape("pictures", pictures, n=len(looks), channels=3, height=None, width=None)
    sources = [data_uri(picture) for picture in pictures]
    return figure(
        "coca_look",
        config={"looks": [vars(look) for look in looks], "pictures": sources},
        static=_static(looks[0], sources[0]),
        alt="Drawings that a CoCa has never seen: where its queries look, the caption that it writes, its scores",
        caption="Recorded from a trained model, for drawings that its training left out. Blue squares: the share "
        "of a query's attention, the largest square for the largest share. Drawings: OpenMoji, CC BY-SA 4.0.",
    )


def _static(look: Look, source: str) -> str:
    """The first drawing with the contrastive query's map, one captioning query's, the caption and the scores."""
    maps = "".join(
        f"<div>{_overlay(look.maps[query], source, title)}<small>{title}</small></div>"
        for query, title in ((0, "the contrastive query"), (1, "captioning query 1"), (2, "captioning query 2"))
    )
    scores = "".join(
        f'<tr><th scope="row">{escape(name)}{" (its own)" if own else ""}</th>'
        f'<td class="vlm-n">{cosine / 1000:.2f}</td></tr>'
        for name, cosine, own in look.scores
    )
    return (
        f'<div class="vlm-row">{maps}</div><p><b>It writes:</b> {escape(" ".join(look.words))} '
        f"(the drawing is called: {escape(look.name)})</p>"
        f'<div class="vlm-scroll"><table><caption>Cosine of the drawing with names</caption><tbody>'
        f"{scores}</tbody></table></div>"
    )


def _overlay(shares: Sequence[int], source: str, title: str) -> str:
    side, most = round(len(shares) ** 0.5), max(max(shares), 1)
    squares = ""
    for place, share in enumerate(shares):
        size = (share / most) ** 0.5
        x, y = place % side + (1 - size) / 2, place // side + (1 - size) / 2
        squares += f'<rect x="{x:.2f}" y="{y:.2f}" width="{size:.2f}" height="{size:.2f}"/>'
    return (
        f'<span class="vlm-overlay"><img alt="the drawing behind it" width="112" height="112" src="{source}">'
        f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="{escape(title)}">{squares}</svg></span>'
    )
