"""A document of words and image codes: mark a span, see what the model is trained on and what it fills in.

Every answer is recorded from a trained model, for every span of the document; the script looks it up. Chapter:
13_cm3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from transformers import PreTrainedModel

from vlm_lib.checks import check_range
from vlm_lib.data.hypertext import Hypertext
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.cm3 import prompt
from vlm_lib.models.vq import VQVAE

SHOWN = 4  # first tokens to choose from that are shown as bars


@dataclass(frozen=True)
class Recording:
    """What the model fills in for each span, by "start-end": its tokens, the first one's rivals, the new picture.

    kinds: "word", "image" or "tag" for each token. bars: (token, chance in thousandths). pictures[0] is the
    document's own; `picture` of a span is an index into them.
    """

    tokens: list[str]
    kinds: list[str]
    spans: dict[str, dict]
    pictures: list[str]


@torch.no_grad()
def record(model: PreTrainedModel, vqvae: VQVAE, text: Hypertext, document: Sequence[int]) -> Recording:
    """Let the model fill every span of one document, a token at a time, each the likeliest of its kind.

    It is asked for as many tokens as were taken out, image codes where there were image codes.
    """
    images = [i for i, token in enumerate(document) if token >= text.first_code]
    kinds = ["image" if i in images else "word" if t in text.words else "tag" for i, t in enumerate(document)]
    own = _picture(vqvae, text, document, images)
    recording = Recording(text.show(document), kinds, {}, [own])
    for length in range(1, len(document) + 1):
        starts = range(len(document) - length + 1)
        fillings, bars = _fill(model, text, document, starts, length)
        for start, filled, first in zip(starts, fillings, bars, strict=True):
            end, picture = start + length, 0
            if filled != list(document[start:end]) and any(start <= place < end for place in images):
                whole = [*document[:start], *filled, *document[end:]]
                source = _picture(vqvae, text, whole, images)
                if source not in recording.pictures:
                    recording.pictures.append(source)
                picture = recording.pictures.index(source)
            entry = {"filled": text.show(filled), "bars": first, "picture": picture}
            recording.spans[f"{start}-{end}"] = entry
    return recording


def _fill(
    model: PreTrainedModel, text: Hypertext, document: Sequence[int], starts: Sequence[int], length: int
) -> tuple[list[list[int]], list[list[tuple[str, int]]]]:
    """What is written for the spans of one length, and the likeliest first tokens of each."""
    prompts = [prompt(document, [(start, start + length)], text.marks) for start in starts]
    ids, bars = torch.tensor(prompts), []
    content = torch.ones(text.size, dtype=torch.bool)
    content[[*text.marks.sentinels, *text.unwritten, text.marks.end]] = False
    is_code = torch.arange(text.size) >= text.first_code
    for step in range(length):
        logits = model(input_ids=ids).logits[:, -1]
        if not step:
            chance, best = logits.softmax(dim=-1).topk(SHOWN)
            thousandths = chance.mul(1000).round().int().tolist()
            bars = [
                list(zip(text.show(b), c, strict=True)) for b, c in zip(best.tolist(), thousandths, strict=True)
            ]
        stood = torch.tensor([document[start + step] >= text.first_code for start in starts])
        allowed = content & (is_code == stood[:, None])
        newest = logits.masked_fill(~allowed, -torch.inf).argmax(dim=-1, keepdim=True)
        ids = torch.cat([ids, newest], dim=1)
    return ids[:, -length:].tolist(), bars


def _picture(vqvae: VQVAE, text: Hypertext, document: Sequence[int], places: list[int]) -> str:
    codes = torch.tensor([[document[place] - text.first_code for place in places]])
    return data_uri(to_pixels(vqvae.decode(codes))[0])


def to_pixels(images: Float[Tensor, "n 3 h w"]) -> UInt8[Tensor, "n 3 h w"]:
    """From -1 .. 1 to 0 .. 255."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def masked_document(recording: Recording, *, start: int, end: int) -> Html:
    """The figure, starting with the tokens start .. end - 1 marked. Raises `ValueError` for no such span."""
    check_range("start, end", (start + 1, end), 1, len(recording.tokens))
    return figure(
        "masked_document",
        config={**vars(recording), "start": start, "end": end},
        static=_static(recording, start, end),
        alt="A document of words and image codes with a span to mark, and what a trained model fills in",
        caption="Recorded from a model trained in this chapter, for every span. It is asked for as many tokens as "
        "were taken out, image codes where image codes were. Blue is image, orange is text.",
    )


def _static(recording: Recording, start: int, end: int) -> str:
    """The document, what is trained on, and what is filled in, for the span that is marked first."""
    tokens, span = recording.tokens, recording.spans[f"{start}-{end}"]
    shown = lambda i: f"<mark>{escape(tokens[i])}</mark>" if start <= i < end else escape(tokens[i])  # noqa: E731
    masked = [*tokens[:start], "<mask:0>", *tokens[end:], "<mask:0>", *tokens[start:end], "<end>"]
    bars = ", ".join(f"{escape(token)} {n / 10:.0f} %" for token, n in span["bars"])
    pictures = "".join(
        f'<img alt="{name}" width="64" height="64" src="{recording.pictures[i]}">'
        for name, i in (("the document’s image", 0), ("the image with what was filled in", span["picture"]))
    )
    return (
        f"<p><b>The document:</b> {' '.join(map(shown, range(len(tokens))))}</p>"
        f"<p><b>What is trained on:</b> {escape(' '.join(masked))}</p>"
        f"<p><b>Filled in:</b> {escape(' '.join(span['filled']))} (first token: {bars})</p><p>{pictures}</p>"
    )
