"""MAGiC's candidates at every step of a recorded run, re-ranked in the page by alpha, beta and CLIP's scale.

The three terms of each candidate are recorded from the models; the script weighs and sorts. Chapter: 41_magic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from vlm_lib.decoding.magic import Weights
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri

TERMS = ("candidates", "confidence", "penalty", "cosine")


def magic_steps(
    steps: Sequence[Sequence[Mapping[str, Any]]],
    pictures: UInt8[Tensor, "n 3 h w"],
    names: Sequence[str],
    weights: Weights,
) -> Html:
    """The figure. steps: for each picture its recorded steps, as `zoo.real_magic` keeps them: the candidates as
    text, their three terms, and which was taken under `weights`.

    Raises: ValueError unless there is a picture and a name for each text, one at least, and k of every term.
    """
    if not len(steps) == len(pictures) == len(names) or not steps:
        counts = f"{len(steps)} texts, {len(pictures)} pictures, {len(names)} names"
        raise ValueError(f"steps: {counts}, expected as many of each, one at least")
    for text in steps:
        for step in text:
            sizes = {term: len(step[term]) for term in TERMS}
            if set(sizes.values()) != {weights.k}:
                raise ValueError(f"steps: a step has {sizes}, expected k = {weights.k} of each")
    drawings = [
        {"name": name, "source": data_uri(picture), "steps": [dict(step) for step in text]}
        for name, picture, text in zip(names, pictures, steps, strict=True)
    ]
    recorded = {"alpha": weights.alpha, "beta": weights.beta, "scale": weights.scale}
    return figure(
        "magic_steps",
        config={"drawings": drawings, "recorded": recorded, "k": weights.k},
        static=_static(drawings),
        alt="Held-out drawings, what SmolLM2 writes of each under CLIP's guidance, and sliders for the weights",
        caption="Recorded from SmolLM2 and the zoo's real CLIP, nothing of it trained for this. Underlined in the "
        "bars: what was taken in the recorded run. Drawings: OpenMoji, CC BY-SA 4.0.",
    )


def _static(drawings: Sequence[Mapping[str, Any]]) -> str:
    """Every drawing with its name and the text of the recorded run."""
    cells = "".join(
        f'<td><img alt="{escape(one["name"])}" width="64" height="64" src="{one["source"]}"></td>'
        for one in drawings
    )
    said = "".join(f"<td>{escape(written(one['steps']))}</td>" for one in drawings)
    true = "".join(f"<td>{escape(one['name'])}</td>" for one in drawings)
    return (
        f'<div class="vlm-scroll"><table><tbody><tr><td></td>{cells}</tr><tr><th scope="row">its name</th>{true}'
        f'</tr><tr><th scope="row">SmolLM2 with CLIP</th>{said}</tr></tbody></table></div>'
    )


def written(steps: Sequence[Mapping[str, Any]]) -> str:
    """The text of recorded steps."""
    return "".join(step["candidates"][step["chosen"]] for step in steps).strip()
