"""A page of pictures and words as a trained Flamingo reads it: phi, the gates, an exchanged image, the next word.

Every number in the figure comes from the model: `record` runs it for each opening of the gates and each choice of
images, and the script looks the answers up. Chapter: 34_flamingo.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from vlm_lib.attention.masks import image_index
from vlm_lib.checks import check_range, require_shape
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.flamingo import Flamingo

BARS = 6  # next words shown at a position
CHOICES = 2  # images to choose from at each place: the page's own, and one to put in its stead


@dataclass(frozen=True)
class Recording:
    """What the model said: `chance[gate][choice][position]` are the chances of `words[position]`, in thousandths.

    `choice` counts through the images: bit i (from the right) says whether image i + 1 is the exchanged one.
    """

    tokens: list[str]
    phi: list[int]
    gates: list[float]
    words: list[list[str]]
    chance: list[list[list[list[int]]]]


@torch.no_grad()
def record(
    model: Flamingo,
    input_ids: Int[Tensor, " seq"],
    features: Float[Tensor, "choices images tokens dim"],
    decode: Callable[[int], str],
    *,
    openings: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
) -> Recording:
    """Let `model` read one page with its gates opened by each share of their trained value, images as they come.

    `features`: for each image of the page its own and one to exchange it for. The words of the page stay as they
    are. Raises `ValueError` for other shapes, or a page without images or with more than 4.
    """
    require_shape("input_ids", input_ids, seq=None)
    require_shape("features", features, choices=CHOICES, images=None, tokens=None, dim=model.media_dim)
    images = features.shape[1]
    check_range("images of the page", images, 1, 4)
    choices = [tuple(reversed(bits)) for bits in itertools.product((0, 1), repeat=images)]
    shown = torch.stack([features[list(choice), range(images)] for choice in choices])
    ids = input_ids.expand(len(choices), -1)
    heard = torch.stack([_with_gates(model, opening, ids, shown) for opening in openings])
    heard[..., model.image_token_id] = 0
    best = _words_to_show(heard)
    chance = heard.gather(-1, best.expand(*heard.shape[:3], -1)).mul(1000).round().int()
    return Recording(
        tokens=[decode(i) for i in input_ids.tolist()],
        phi=image_index(input_ids[None] == model.image_token_id)[0].tolist(),
        gates=[float(opening) for opening in openings],
        words=[[decode(i) for i in row] for row in best.tolist()],
        chance=chance.tolist(),
    )


def _with_gates(model: Flamingo, opening: float, ids: Tensor, features: Tensor) -> Tensor:
    """Next-word chances with every gate, tanh(alpha), at `opening` times its trained value."""
    gates = {name: p for name, p in model.named_parameters() if name.endswith("_gate")}
    opened = {name: torch.atanh(opening * p.tanh()) for name, p in gates.items()}
    return torch.func.functional_call(model, opened, (ids, features)).softmax(dim=-1)


def _words_to_show(heard: Float[Tensor, "gates choices seq vocab"]) -> Int[Tensor, "seq words"]:
    """For each position the words that are ever most likely there, whatever the gates and the images."""
    return heard.flatten(0, 1).amax(dim=0).topk(BARS, dim=-1).indices


def flamingo_page(recording: Recording, pictures: UInt8[Tensor, "choices images 3 h w"], *, word: int) -> Html:
    """The figure, starting with the token at position `word` chosen.

    `pictures` stand in the order of the features that were recorded. Raises `ValueError` if they do not match the
    recording, or `word` is no position that has an image to look at.
    """
    images = max(recording.phi)
    require_shape("pictures", pictures, choices=CHOICES, images=images, channels=3, height=None, width=None)
    if not 0 <= word < len(recording.tokens) or recording.phi[word] == 0:
        raise ValueError(f"word is {word!r}, expected a position after an image: see phi, {recording.phi}")
    sources = [[data_uri(pictures[choice, i]) for choice in range(CHOICES)] for i in range(images)]
    return figure(
        "flamingo_page",
        config={**vars(recording), "pictures": sources, "word": word},
        static=_static(recording, sources, word),
        alt="A page of images and words as a trained Flamingo reads it, with gates to open and images to exchange",
        caption="Recorded from a model trained in this chapter. φ is the number of the image that a word may look "
        "at. Gate 0 is the language model alone; 1 is the trained model.",
    )


def _static(recording: Recording, sources: list[list[str]], word: int) -> str:
    """The page with its pictures, and the next word after the chosen one: gates closed, open, image exchanged."""
    parts = ""
    number = 0
    for position, (token, phi) in enumerate(zip(recording.tokens, recording.phi, strict=True)):
        if position and phi > recording.phi[position - 1]:
            alt = f"image {phi}, which the words after it describe"
            parts += f'<img alt="{alt}" width="48" height="48" src="{sources[number][0]}">'
            number += 1
        else:
            mark = ' class="vlm-chosen"' if position == word else ""
            parts += f"<span{mark}>{escape(token)}<small>φ {phi}</small></span>"
    exchanged = 1 << (recording.phi[word] - 1)
    rows = (
        ("gates closed", 0, 0),
        ("gates open", -1, 0),
        (f"image {recording.phi[word]} exchanged", -1, exchanged),
    )
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f'<td class="vlm-n">{n / 10:.0f} %</td>' for n in recording.chance[gate][choice][word])
        + "</tr>"
        for name, gate, choice in rows
    )
    head = "".join(f'<th scope="col" class="vlm-n">{escape(w)}</th>' for w in recording.words[word])
    return (
        f'<p class="vlm-page">{parts}</p><div class="vlm-scroll"><table><caption>The next word after '
        f"“{escape(recording.tokens[word])}” (position {word + 1})</caption><thead><tr><td></td>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table></div>"
    )
