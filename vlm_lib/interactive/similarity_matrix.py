"""The cosines of a few pairs, their softmax at any temperature, and the loss that follows.

The script computes in the browser what `vlm_lib.losses.contrastive_loss` computes here; a test compares the two
on random matrices and scales. The live part is the static table with controls, so that each thumbnail is stored
once. Chapter: 02_contrastive.
"""

import math
from collections.abc import Sequence
from html import escape

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape
from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.pictures import data_uri

FEWEST, MOST = 2, 8
LOWEST_SCALE, HIGHEST_SCALE = 1.0, 100.0  # CLIP clips its logit_scale at 100
LONGEST_LABEL = 40
THUMBNAIL = 48  # pixels of the longer side
DIGITS = 6  # of a cosine; at a scale of 100 this is an error of 5e-5 in a logit


def similarity_matrix(
    similarity: Float[Tensor, "images texts"],
    images: Sequence[str],
    texts: Sequence[str],
    *,
    logit_scale: float = 1 / 0.07,
    positives: Sequence[int] | None = None,
    thumbnails: UInt8[Tensor, "images 3 height width"] | None = None,
) -> Html:
    """The cosine of each image i with each text j, 2 to 8 of both; pair i stands on the diagonal.

    The reader moves the scale from 1 to 100, beginning at `logit_scale`, looks at the cosines or at their softmax
    over rows (image to text) or columns (text to image), and walks through the cells with the arrow keys: each
    says its probability p, p minus its target, and which way a step of descent moves its logit. Below stand the
    losses of both directions and their mean, in nats.

    `images` and `texts` are labels of 1 to 40 characters. `positives` are integers as in `contrastive_loss`:
    pairs with equal ones share the target evenly; without them the target is the diagonal. `thumbnails` are shown
    in place of the images' labels, which remain their alternative text; they are reduced to 48 pixels.

    Raises `ValueError` for a matrix that is not square, has fewer than 2 or more than 8 rows, is not floating
    point, not finite, or holds no cosines (beyond 1 in size); for labels that are empty, too long or not as many
    as rows; for a `logit_scale` outside 1 to 100; for `positives` or `thumbnails` of another shape or type.
    Source: CLIP, section 2.3 and figure 3 (arXiv 2103.00020); UniCL (arXiv 2204.03610). Chapter: 02_contrastive.
    """
    cosines = _cosines(similarity)
    count = len(cosines)
    for name, labels in {"images": images, "texts": texts}.items():
        _require_labels(name, labels, count)
    if not LOWEST_SCALE <= logit_scale <= HIGHEST_SCALE:
        raise ValueError(f"logit_scale is {logit_scale!r}, expected {LOWEST_SCALE:g} to {HIGHEST_SCALE:g}")
    groups = list(range(count)) if positives is None else list(positives)
    if len(groups) != count or not all(type(group) is int for group in groups):
        raise ValueError(f"positives is {positives!r}, expected {count} integer labels, one for each pair")
    target = pair_target(torch.tensor(groups))
    heads = [escape(label) for label in images] if thumbnails is None else _pictures(thumbnails, images)
    return figure(
        "similarity_matrix",
        config={
            "similarity": [[round(cosine, DIGITS) for cosine in row] for row in cosines.tolist()],
            "target": target.tolist(),
            "images": list(images),
            "texts": list(texts),
            "scale": float(logit_scale),
        },
        static=_static(cosines, target, heads, texts, float(logit_scale)),
        alt=f"Similarity of {count} images and {count} texts, its softmax at a chosen temperature, and the loss",
        caption="Framed cells are the pairs. The loss of a direction is the mean, over its rows or columns, of "
        "minus the log-probability of the framed cell, or the mean over several; CLIP's loss is the mean of both.",
    )


def pair_target(positives: Int[Tensor, " pairs"]) -> Float[Tensor, "pairs pairs"]:
    """What the softmax of each row and of each column should be: even over the pairs with the row's label."""
    equal = (positives[:, None] == positives).double()
    return equal / equal.sum(1, keepdim=True)


def _cosines(similarity: Tensor) -> Float[Tensor, "images texts"]:
    require_shape("similarity", similarity, images=None, texts=None)
    require_shape("similarity", similarity, images=None, texts=similarity.shape[0])
    if not FEWEST <= len(similarity) <= MOST:
        raise ValueError(f"similarity has {len(similarity)} pairs, expected {FEWEST} to {MOST}")
    if not similarity.is_floating_point():
        raise ValueError(f"similarity has dtype {similarity.dtype}, expected a floating-point type")
    require_finite("similarity", similarity)
    largest = similarity.abs().max().item()
    if largest > 1 + 1e-2:  # a cosine in bfloat16 may exceed 1 by a rounding step
        raise ValueError(f"similarity holds a value of size {largest:.3g}, expected cosines, from -1 to 1")
    return similarity.detach().cpu().double().clamp(-1, 1)


def _require_labels(name: str, labels: Sequence[str], count: int) -> None:
    if isinstance(labels, str) or len(labels) != count:
        raise ValueError(f"{name} is {labels!r}, expected {count} labels, one for each row of similarity")
    for label in labels:
        if not isinstance(label, str) or not 0 < len(label.strip()) <= len(label) <= LONGEST_LABEL:
            raise ValueError(f"{name} holds {label!r}, expected texts of 1 to {LONGEST_LABEL} characters")


def _pictures(thumbnails: Tensor, labels: Sequence[str]) -> list[str]:
    """Each image as a small PNG inside the page, with a palette: about a kilobyte."""
    require_shape("thumbnails", thumbnails, images=len(labels), channels=3, height=None, width=None)
    if thumbnails.dtype != torch.uint8:
        raise ValueError(f"thumbnails has dtype {thumbnails.dtype}, expected torch.uint8")
    shown = []
    for pixels, label in zip(thumbnails, labels, strict=True):
        name = escape(label)
        shown.append(f'<img alt="{name}" title="{name}" src="{data_uri(pixels, THUMBNAIL)}">')
    return shown


def _cell(cosine: float, pair: bool) -> str:
    kinds = " ".join(["vlm-pair"] * pair + ["vlm-minus"] * (cosine < 0))
    shown = f"{cosine:.2f}".replace("-", "−")
    return f'<td class="{kinds}" style="--v:{abs(cosine):.2f}">{shown}</td>'.replace(' class=""', "")


def _static(cosines: Tensor, target: Tensor, heads: Sequence[str], texts: Sequence[str], scale: float) -> str:
    """The cosines as a table, and the loss at the scale that the figure starts from."""
    columns = "".join(f'<th scope="col">{j}. {escape(text)}</th>' for j, text in enumerate(texts, 1))
    rows = ""
    for i, (head, row, wanted) in enumerate(zip(heads, cosines.tolist(), target.tolist(), strict=True), 1):
        cells = "".join(_cell(cosine, pair > 0) for cosine, pair in zip(row, wanted, strict=True))
        rows += f'<tr><th scope="row">{i}. {head}</th>{cells}</tr>'
    by_image, by_text = (F.cross_entropy(scale * logits, target).item() for logits in (cosines, cosines.T))
    return (
        '<div class="vlm-scroll"><table class="vlm-matrix"><caption class="vlm-sr">Cosines</caption>'
        f'<thead><tr><th scope="col">image \\ text</th>{columns}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p>At logit_scale {scale:.4g} (temperature {1 / scale:.2g}) the loss is {by_image:.3f} from image to "
        f"text, {by_text:.3f} from text to image, {(by_image + by_text) / 2:.3f} in the mean; "
        f"guessing among {len(texts)} costs {math.log(len(texts)):.3f}.</p>"
    )
