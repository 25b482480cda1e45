"""A trained CLIP that runs in the page: place shapes, write captions, see cosines, softmax and nearest scenes.

Nothing is recorded: the script draws the scene as `vlm_lib.data.scenes` draws it, and runs both towers on the
packed weights. Tests hold its pixels to the renderer's and its cosines to PyTorch's. Chapter: 02_contrastive.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
import torch
from jaxtyping import Int8
from torch import Tensor

from vlm_lib.checks import check_range
from vlm_lib.data import captions, scenes, sprites
from vlm_lib.data.tokenizer import split_words
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.packed import DIGITS, packed_clip
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.models.clip import ContrastiveModel
from vlm_lib.training.seeds import stream

MOST_TEXTS = 8
FULL = 64  # points of a pixel, by which the renderer measures how much of it a shape covers


def known_words() -> list[str]:
    """The words of all captions of scenes, which are the words that a CLIP of this world was trained on."""
    forms = [form.format("") for form in captions.TEMPLATES]
    forms += [*captions.INVERSE, *scenes.SHAPES, *scenes.COLOURS, *scenes.SIZES, "a", ", which is"]
    return sorted({word for form in forms for word in split_words(form)})


def live_clip(
    model: ContrastiveModel,
    attributes: Int8[np.ndarray, "4 3"],
    texts: Sequence[str],
    *,
    gallery: Int8[np.ndarray, "n 4 3"],
    seed: int = 0,
) -> Html:
    """The figure, starting with one scene, drawn as `scenes.render` draws it from `seed`, and with some captions.

    `model`: a CLIP of the scenes, in eval mode; `gallery`: further scenes that a caption may be nearest to.
    Raises `ValueError` for attributes that cannot be drawn, for fewer than 2 or more than 8 texts, and for a text
    with other words than those of the scenes' captions.
    """
    check_range("texts", len(texts), 2, MOST_TEXTS)
    words = known_words()
    for text in texts:
        unknown = [word for word in split_words(text) if word not in words]
        if unknown:
            raise ValueError(f"texts: {text!r} holds {unknown}, expected words of the scenes' captions")
    picture = scenes.render(np.asarray(attributes)[None], seed).images
    scenes.render(np.asarray(gallery), seed)  # raises for what cannot be drawn
    with torch.no_grad():
        cosines = model.score(picture, texts)[0]
        scale = model.logit_scale.item()
    return figure(
        "live_clip",
        config={
            "model": packed_clip(model, words),
            "world": _world(),
            "attributes": np.asarray(attributes).tolist(),
            "look": _look(seed),
            "gallery": np.asarray(gallery).tolist(),
            "texts": list(texts),
            "scale": round(scale, 3),
        },
        static=_static(picture[0], texts, cosines, scale),
        alt="A trained CLIP at work: a scene to build from shapes, captions to write, and the cosine of each "
        "caption with the scene",
        caption="The zoo's small CLIP, computed in your browser at every change: both towers, from pixels and "
        "words. Its weights are rounded to twelve bits, some to nine; its cosines are those of the full model to "
        "a thousandth.",
    )


def _world() -> dict[str, object]:
    """What the script needs to draw a scene and to describe it."""
    tiles = [
        [sprites.coverage(shape, sprites.RADII[size], 0, 0, sprites.CELL) for size in scenes.SIZES]
        for shape in scenes.SHAPES
    ]
    counts = (np.array(tiles) * FULL).round().astype(int).reshape(len(scenes.SHAPES), len(scenes.SIZES), -1)
    return {
        "shapes": scenes.SHAPES,
        "colours": scenes.COLOURS,
        "sizes": scenes.SIZES,
        "palette": [sprites.PALETTE[colour] for colour in scenes.COLOURS],
        "tiles": [["".join((DIGITS + "=")[n] for n in tile) for tile in of_shape] for of_shape in counts.tolist()],
        "jitter": sprites.JITTER,
        "background": sprites.BACKGROUND,
        "noise": sprites.NOISE,
        "templates": captions.TEMPLATES,
    }


def _look(seed: int) -> dict[str, object]:
    """What the renderer draws at random for a single scene, in its order: where, how bright, how noisy."""
    rng = stream(seed, "pixels")
    jitter = rng.integers(2 * sprites.JITTER + 1, size=(2, 1, captions.CELLS))[:, 0]
    background = float(np.float32(rng.uniform(*sprites.BACKGROUND, size=(1, 1, 1, 1)).item()))
    shape = (1, 3, sprites.IMAGE, sprites.IMAGE)
    noise = rng.integers(-sprites.NOISE, sprites.NOISE + 1, size=shape, dtype=np.int8).ravel()
    grain = "".join(DIGITS[n] for n in (noise.astype(int) + sprites.NOISE).tolist())
    return {"jitter": (jitter - sprites.JITTER).T.tolist(), "background": background, "grain": grain}


def _static(picture: Tensor, texts: Sequence[str], cosines: Tensor, scale: float) -> str:
    """The scene and its table of captions, as the figure starts."""
    chances = (scale * cosines).softmax(dim=0)
    rows = "".join(
        f'<tr><th scope="row">{escape(text)}</th><td class="vlm-n">{round(cosine, 3) + 0:.3f}</td>'
        f'<td class="vlm-n">{100 * chance:.1f} %</td></tr>'.replace(">-", ">−")
        for text, cosine, chance in zip(texts, cosines.tolist(), chances.tolist(), strict=True)
    )
    return (
        f'<img alt="The scene as it is drawn first" width="128" height="128" src="{data_uri(picture)}">'
        f'<div class="vlm-scroll">'
        f'<table><thead><tr><th scope="col">caption</th><th scope="col" class="vlm-n">cosine</th>'
        f'<th scope="col" class="vlm-n">softmax at {scale:.1f}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
