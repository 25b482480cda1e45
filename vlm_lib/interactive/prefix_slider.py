"""A slider for the length of the prefix over real sequences: the mask, what a token sees, what the model predicts.

Every prediction is recorded from a trained model, for every length; the script looks it up. Chapter: 12_simvlm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from vlm_lib.checks import check_range
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri


@dataclass(frozen=True)
class Example:
    """One sequence: image tokens, then words, of which the first is <bos>.

    lengths[k - 1] belongs to a prefix of k words: for each later word the likeliest one (`said`) and the chance of
    the true one in thousandths, and how the model goes on by itself from the prefix.
    """

    picture: str
    image_tokens: int
    words: list[str]
    lengths: list[dict]


@torch.no_grad()
def record(
    model: nn.Module,
    features: Float[Tensor, "patches channels"],
    pixels: UInt8[Tensor, "3 h w"],
    text: Sequence[int],
    tokenizer: PreTrainedTokenizerBase,
) -> Example:
    """Ask a `simvlm.PrefixLM` about one picture and its text, for every length of the prefix."""
    ids, image, tokens = torch.tensor([list(text)]), features[None], len(features)
    lengths = []
    for kept in range(1, len(text)):
        prefix_len = torch.tensor([tokens + kept])
        chance = model(image, ids, prefix_len)[0, kept - 1 : -1].softmax(dim=-1)
        true = chance.gather(1, ids[0, kept:, None])[:, 0]
        written = ids[:, :kept]
        for _ in range(len(text) - kept):
            newest = model(image, written, prefix_len)[:, -1:].argmax(dim=-1)
            written = torch.cat([written, newest], dim=1)
        lengths.append(
            {
                "said": tokenizer.convert_ids_to_tokens(chance.argmax(dim=-1).tolist()),
                "chance": true.mul(1000).round().int().tolist(),
                "goes_on": tokenizer.convert_ids_to_tokens(written[0, kept:].tolist()),
            }
        )
    return Example(data_uri(pixels), tokens, tokenizer.convert_ids_to_tokens(list(text)), lengths)


def prefix_slider(examples: Sequence[Example], *, words: int) -> Html:
    """The figure, starting with a prefix of the image and so many words of the first example.

    Raises: ValueError for no example, or `words` that leave nothing to predict.
    """
    if not examples:
        raise ValueError("examples is empty, expected at least one recorded sequence")
    check_range("words", words, 1, len(examples[0].words) - 1)
    return figure(
        "prefix_slider",
        config={"examples": [vars(example) for example in examples], "words": words},
        static=_static(examples[0], words),
        alt="A picture and its caption as one sequence, with a slider for how much of it is the prefix",
        caption="Recorded from a model trained in this chapter, for every length of the prefix. Blue is image, "
        "orange is text; a thick outline marks the prefix. A bar is the chance that the model gives to the true "
        "word.",
    )


def _static(example: Example, kept: int) -> str:
    """The sequence and its predictions for the length that is shown first."""
    words, told = example.words, example.lengths[kept - 1]
    rows = "".join(
        f'<tr><th scope="row">{escape(word)}</th><td>{escape(said)}</td><td class="vlm-n">{n / 10:.0f} %</td></tr>'
        for word, said, n in zip(words[kept:], told["said"], told["chance"], strict=True)
    )
    return (
        f'<p><img alt="the picture" width="96" height="96" src="{example.picture}"></p>'
        f"<p><b>Prefix, seen both ways:</b> {example.image_tokens} image tokens, "
        f"{escape(' '.join(words[:kept]))}</p>"
        f"<p><b>Predicted, left to right:</b> {escape(' '.join(words[kept:]))}</p>"
        '<div class="vlm-scroll"><table><thead><tr><th scope="col">true word</th><th scope="col">likeliest</th>'
        f'<th scope="col">chance of the true word</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p><b>It goes on by itself:</b> {escape(' '.join(told['goes_on']))}</p>"
    )
