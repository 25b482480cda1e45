"""VisualGPT's two gates with their threshold as a slider, and what it does to trained models.

The curves are the gates' own formula. Shares of units, losses and captions are recorded: each model was run with
each threshold. Chapter: 31_visualgpt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vlm_lib.checks import check_one_of
from vlm_lib.evaluation.gate_shares import KINDS, gate_shares, threshold
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.visualgpt import VisualGPT

FORMULAS = ("state", "learned", "normalized")


@dataclass(frozen=True)
class Setting:
    """One model at one threshold: for each block the shares by `KINDS`, the captions' loss, some captions."""

    tau: float
    shares: list[list[float]]
    nats: float
    captions: list[str]


@dataclass(frozen=True)
class Recorded:
    """A trained model at every threshold; `formula` is one of `FORMULAS`, `own` the threshold of its training."""

    formula: str
    own: float
    settings: list[Setting]


@torch.no_grad()
def record(
    model: VisualGPT,
    tokens: Float[Tensor, "n tokens features"],
    captions: Sequence[str],
    *,
    formula: str,
    own: float,
    taus: Sequence[float],
    shown: int,
    max_tokens: int = 16,
) -> Recorded:
    """Run one model at each threshold; the first `shown` pictures are captioned. Raises: as the model."""
    check_one_of("formula", formula, FORMULAS)
    targets, settings = model.targets(captions), []
    for tau in taus:
        with threshold(model, tau):
            shares = [[round(block[kind], 4) for kind in KINDS] for block in gate_shares(model, tokens, targets)]
            nats = round(model.loss(tokens, targets).item(), 3)
            settings.append(Setting(tau, shares, nats, model.captions(tokens[:shown], max_tokens=max_tokens)))
    return Recorded(formula, own, settings)


def two_gates(
    models: Mapping[str, Recorded], pictures: UInt8[Tensor, "n 3 h w"], truth: Sequence[str], *, start: float
) -> Html:
    """The figure, with the slider at `start`. Raises: ValueError if the models' thresholds differ, if `start` is
    none of them, or if a model has not one caption per picture."""
    taus = [setting.tau for setting in next(iter(models.values())).settings]
    check_one_of("start", start, taus)
    for name, model in models.items():
        if [setting.tau for setting in model.settings] != taus:
            raise ValueError(f"models: {name!r} was recorded at other thresholds than the first, {taus}")
        counts = {len(setting.captions) for setting in model.settings}
        if counts != {len(pictures)} or len(truth) != len(pictures):
            raise ValueError(f"models: {name!r} has {sorted(counts)} captions, expected {len(pictures)}")
    config = {
        "kinds": list(KINDS),
        "taus": taus,
        "start": taus.index(start),
        "pictures": [data_uri(picture) for picture in pictures],
        "truth": list(truth),
        "models": [
            {"name": name, "formula": m.formula, "own": m.own, "settings": [vars(one) for one in m.settings]}
            for name, m in models.items()
        ],
    }
    return figure(
        "two_gates",
        config=config,
        static=_static(config),
        alt="Two gates as curves over one number, their threshold as a slider, and the units of trained models",
        caption="Curves: the gates' formula. Units, loss and captions: trained models of the zoo, each run with "
        "each threshold; none was trained again for it.",
    )


def _static(config: dict) -> str:
    """Each model at the starting threshold: units by kind, loss, captions."""
    heads = "".join(f'<th scope="col">{escape(kind)}</th>' for kind in config["kinds"])
    rows = ""
    for model in config["models"]:
        setting = model["settings"][config["start"]]
        for number, block in enumerate(setting["shares"], start=1):
            cells = "".join(f'<td class="vlm-n">{100 * share:.0f} %</td>' for share in block)
            loss = f"{setting['nats']:.2f}" if number == 1 else ""
            head = f'<th scope="row">{escape(model["name"])}, block {number}</th>'
            rows += f'<tr>{head}{cells}<td class="vlm-n">{loss}</td></tr>'
    first = config["models"][0]["settings"][config["start"]]
    shown = "".join(
        f'<td><img alt="{escape(true)}" width="64" height="64" src="{source}"><br>{escape(said)}</td>'
        for source, true, said in zip(config["pictures"], config["truth"], first["captions"], strict=True)
    )
    return (
        f"<p>Units of trained models at the threshold {config['taus'][config['start']]}.</p>"
        f'<div class="vlm-scroll"><table><thead><tr><td></td>{heads}<th scope="col">nats per token</th></tr>'
        "</thead>"
        f"<tbody>{rows}</tbody></table><table><tbody><tr>{shown}</tr></tbody></table></div>"
    )
