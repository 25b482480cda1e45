"""A scene and its caption with one word masked, as a trained VisualBERT reads them.

Parts of the regions can be switched off, boxes moved, the image hidden. Every number in the figure comes from the
model: `record` runs it for all of these, and the script looks the answers up. Chapter: 11_visualbert.
"""

import itertools
from dataclasses import dataclass
from html import escape

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.data.captioned_regions import CaptionedRegions, bert_tokenizer
from vlm_lib.data.regions import crops, quarters
from vlm_lib.data.sprites import CELL
from vlm_lib.evaluation.masked_words import is_kind
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.visualbert import PARTS
from vlm_lib.models.visualbert_heads import VisualBertForPretraining
from vlm_lib.training.captioned_regions import read

BARS = 8  # candidates shown for a masked word
ALL = 2 ** len(PARTS) - 1  # all parts on
CELLS = torch.tensor([[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]]) * CELL  # edges of the four cells


@dataclass(frozen=True)
class Recording:
    """What a model said of one scene, and what it was shown.

    words: the caption with <cls> and <sep>. maskable: positions of the words that were masked, one at a time, and
    candidates, the words shown for each. boxes: the edges of the two boxes around objects, in pixels, in each of
    the four cells; start: their own cells; others: the edges of the boxes around nothing. crops: what is seen
    through each of these, in the same order. chance[word][parts][where]: thousandths for each candidate; bit i of
    `parts` says whether part i is on, `where` is 4 times the cell of box 1 plus that of box 2. hidden: without any
    image.
    """

    words: list[str]
    maskable: list[int]
    candidates: list[list[str]]
    start: list[int]
    boxes: list[list[list[float]]]
    others: list[list[float]]
    crops: list[list[str]]
    chance: list[list[list[list[int]]]]
    hidden: list[list[int]]


@torch.no_grad()
def record(model: VisualBertForPretraining, scene: CaptionedRegions) -> Recording:
    """Let `model` read one scene with each colour, shape and side masked. Raises: ValueError for more than one."""
    if len(scene) != 1:
        raise ValueError(f"scene holds {len(scene)} scenes, expected one")
    objects = (scene.regions.words[0] >= 0).any(dim=-1)
    own = scene.boxes[0, objects]
    start = quarters(own)
    boxes = own[:, None] - CELLS[start][:, None] + CELLS
    shown = _with_boxes_moved(scene, objects, boxes)
    maskable = (
        is_kind(scene.input_ids, "colour") | is_kind(scene.input_ids, "shape") | is_kind(scene.input_ids, "side")
    )
    positions = maskable[0].nonzero()[:, 0].tolist()
    asked = [_ask(model, shown, position) for position in positions]
    decode = bert_tokenizer().convert_ids_to_tokens
    looked_at = torch.cat([boxes.flatten(0, 1), scene.boxes[0, ~objects]])
    thumbnails = ((crops(scene.scenes.images, looked_at[None])[0, :, :3] + 1) * 127.5).byte()
    uris = [data_uri(thumbnail) for thumbnail in thumbnails]
    return Recording(
        words=decode(scene.input_ids[0].tolist()),
        maskable=positions,
        candidates=[decode(best.tolist()) for best, _, _ in asked],
        start=start.tolist(),
        boxes=boxes.tolist(),
        others=scene.boxes[0, ~objects].tolist(),
        crops=[uris[:4], uris[4:8], uris[8:]],
        chance=[_thousandths(said) for _, said, _ in asked],
        hidden=[_thousandths(hidden) for _, _, hidden in asked],
    )


def _with_boxes_moved(
    scene: CaptionedRegions, objects: Tensor, boxes: Float[Tensor, "2 cells 4"]
) -> CaptionedRegions:
    """The scene once for every pair of cells that its two boxes can stand in."""
    pairs = list(itertools.product(range(len(CELLS)), repeat=2))
    repeated = scene[np.zeros(len(pairs), dtype=int)]
    moved = repeated.boxes.clone()
    moved[:, objects] = torch.stack([torch.stack([boxes[0, a], boxes[1, b]]) for a, b in pairs])
    return repeated.with_boxes(moved).told(words=None)


def _ask(
    model: VisualBertForPretraining, shown: CaptionedRegions, position: int
) -> tuple[Int[Tensor, " bars"], Float[Tensor, "parts where bars"], Float[Tensor, " bars"]]:
    """The likeliest words at one masked position, and their chances with the image and without."""
    asked = shown.masked_at(torch.full((len(shown),), position))
    chances = lambda data, **how: read(model, data, **how)[0][:, position].softmax(dim=-1)  # noqa: E731
    subsets = [[part for i, part in enumerate(PARTS) if bits >> i & 1] for bits in range(ALL + 1)]
    said = torch.stack([chances(asked, parts=parts) for parts in subsets])
    hidden = chances(asked[:1], image=False)[0]
    best = torch.cat([said.flatten(0, 1), hidden[None]]).amax(dim=0).topk(BARS).indices
    return best, said[..., best], hidden[best]


def _thousandths(chances: Tensor) -> list:
    return chances.mul(1000).round().int().tolist()


def masked_caption(recording: Recording, scene: CaptionedRegions, *, word: str) -> Html:
    """The figure, starting with `word` masked. Raises: ValueError for a word that was never masked."""
    known = [recording.words[position] for position in recording.maskable]
    if word not in known:
        raise ValueError(f"word is {word!r}, expected one of the masked words {known}")
    picture = data_uri(scene.scenes.images[0])
    return figure(
        "masked_caption",
        config={**vars(recording), "picture": picture, "word": known.index(word), "parts": list(PARTS)},
        static=_static(recording, picture, known.index(word)),
        alt="A scene with boxes around its objects, its caption with one word masked, and what a trained "
        "VisualBERT expects there; the parts of a region can be switched off and two boxes moved",
        caption="Recorded from a model trained in this chapter. A box that is moved keeps its size; the model "
        "gets what it frames, and in which quarter of the picture it stands.",
    )


def _static(recording: Recording, picture: str, word: int) -> str:
    """The picture, the caption, and the masked word with all parts, without f_o, without f_p and without image."""
    position, home = recording.maskable[word], 4 * recording.start[0] + recording.start[1]
    text = " ".join(
        "<strong>[mask]</strong>" if i == position else escape(w)
        for i, w in enumerate(recording.words[1:-1], start=1)
    )
    said = recording.chance[word]
    rows = {
        "all parts": said[ALL][home],
        "without f_o": said[ALL - 1][home],
        "without f_s": said[ALL - 2][home],
        "without f_p": said[ALL - 4][home],
        "image hidden": recording.hidden[word],
    }
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f'<td class="vlm-n">{n / 10:.0f} %</td>' for n in chances)
        + "</tr>"
        for name, chances in rows.items()
    )
    head = "".join(f'<th scope="col" class="vlm-n">{escape(w)}</th>' for w in recording.candidates[word])
    return (
        f'<p><img alt="The scene with its boxes" width="128" height="128" src="{picture}"></p><p>{text}</p>'
        f'<div class="vlm-scroll"><table><caption>The masked word (it is “{escape(recording.words[position])}”)'
        f"</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
