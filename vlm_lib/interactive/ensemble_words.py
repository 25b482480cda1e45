"""Next-word bars of a self-ensemble: the language model, the fusion, and their sum, while a caption is written.

All values are recorded from trained models; the script looks them up. Chapter: 32_vc_gpt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vlm_lib.checks import require_shape
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.vc_gpt import VCGPT

BEST = 3  # each of the three columns shows at least this many of its likeliest words


@dataclass(frozen=True)
class Step:
    """One word of a caption. bars: (word, chance in thousandths by the LM, by the fusion, by their sum)."""

    word: str
    bars: list[tuple[str, int, int, int]]


@torch.no_grad()
def record(
    model: VCGPT, tokens: Float[Tensor, "1 places image_dim"], *, weight: float = 1.0, longest: int = 16
) -> list[Step]:
    """Let `model` write about one image by language + weight * fusion, its likeliest word at each step.

    The fusion's own chances are those of weight * fusion. Raises: ValueError for more than one image.
    """
    require_shape("tokens", tokens, batch=1, places=None, image_dim=None)
    name, eos = model.tokenizer.decode, model.tokenizer.eos_token_id
    ids, steps = torch.tensor([[model.tokenizer.bos_token_id]]), []
    for _ in range(longest):
        language, fusion = (term[0, -1] for term in model.terms(tokens, ids))
        chances = [scores.softmax(dim=-1) for scores in (language, weight * fusion, language + weight * fusion)]
        with_favourites = chances if weight else chances[:1]  # at weight 0 the fusion prefers no word
        shown = sorted({int(i) for chance in with_favourites for i in chance.topk(BEST).indices})
        shown.sort(key=lambda i: -float(chances[2][i]))
        best = chances[2].argmax()
        steps.append(
            Step(name([best]), [(name([i]), *(round(1000 * float(c[i])) for c in chances)) for i in shown])
        )
        ids = torch.cat([ids, best.view(1, 1)], dim=1)
        if int(best) == eos:
            break
    return steps


def ensemble_words(
    writings: Mapping[str, Mapping[float, Sequence[Sequence[Step]]]],
    pictures: UInt8[Tensor, "n 3 h w"],
    truth: Sequence[str],
) -> Html:
    """The figure. writings: for each model, for each weight of the fusion, the steps of every picture's caption.

    Raises: ValueError where models differ in their weights, or a weight has not one caption per picture.
    """
    require_shape("pictures", pictures, n=len(truth), channels=3, height=None, width=None)
    names, weights = list(writings), list(next(iter(writings.values())))
    for name, by_weight in writings.items():
        if list(by_weight) != weights:
            raise ValueError(f"writings: {name!r} has the weights {list(by_weight)}, expected {weights}")
        for weight, captions in by_weight.items():
            if len(captions) != len(truth):
                got = f"{len(captions)} captions for {len(truth)} pictures"
                raise ValueError(f"writings: {name!r}, weight {weight}: {got}, expected one each")
    config = {
        "names": names,
        "weights": weights,
        "pictures": [data_uri(picture) for picture in pictures],
        "truth": list(truth),
        "writings": {
            name: [[[vars(step) for step in steps] for steps in by_weight[w]] for w in weights]
            for name, by_weight in writings.items()
        },
    }
    return figure(
        "ensemble_words",
        config=config,
        static=_static(config),
        alt="Pictures and their captions as they are written, with the chances of the next word by the language "
        "model, by the fusion, and by the sum of both",
        caption="Recorded from trained models of the zoo, for pictures that training left out.",
    )


def _static(config: dict) -> str:
    """The first picture's caption by the first model at the weight nearest to 1, a row for each word."""
    at = min(range(len(config["weights"])), key=lambda i: abs(config["weights"][i] - 1))
    rows = ""
    for step in config["writings"][config["names"][0]][at][0]:
        best = [max(step["bars"], key=lambda bar: bar[column]) for column in (1, 2, 3)]
        cells = "".join(
            f"<td>{escape(bar[0])} {bar[column] / 10:.0f} %</td>"
            for bar, column in zip(best, (1, 2, 3), strict=True)
        )
        rows += f'<tr><th scope="row">{escape(step["word"])}</th>{cells}</tr>'
    image = f'<img alt="{escape(config["truth"][0])}" width="96" height="96" src="{config["pictures"][0]}">'
    heads = "".join(f'<th scope="col">{text}</th>' for text in ("written", "LM", "fusion", "sum"))
    return (
        f'{image}<div class="vlm-scroll"><table><caption>The likeliest next word by each term and by their sum'
        f"</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
