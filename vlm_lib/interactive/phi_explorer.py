"""Type an interleaved sequence, see phi, the mask and what each token reaches. Chapter: 34_flamingo.

The script computes in the browser what `attention.masks` computes here; a test compares the two.
"""

from html import escape

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from vlm_lib.attention.masks import all_previous_images_mask, image_index, last_image_mask
from vlm_lib.interactive.figure import Html, figure

IMAGE = "<image>"
MAX_TOKENS = 24
MASKS = {"last image only": last_image_mask, "all previous images": all_previous_images_mask}


def phi_of(tokens: list[str]) -> Int[Tensor, "1 seq"]:
    """phi of one sequence in which `<image>` marks an image."""
    return image_index(torch.tensor([[token == IMAGE for token in tokens]]))


def mask_table(tokens: list[str], phi: Int[Tensor, " seq"], mask: Bool[Tensor, "seq images"]) -> str:
    """The mask as an HTML table, one row for each token; a filled dot says that the token attends to the image."""
    images = "".join(f'<th scope="col">image {i + 1}</th>' for i in range(mask.shape[1]))
    rows = ""
    for token, count, row in zip(tokens, phi.tolist(), mask.tolist(), strict=True):
        cells = "".join(
            f'<td class="vlm-cell vlm-{"direct" if sees else "none"}">{"●" if sees else "·"}</td>' for sees in row
        )
        rows += f'<tr><th scope="row">{escape(token)}</th><td class="vlm-n">{count}</td>{cells}</tr>'
    return (
        '<table class="vlm-matrix"><caption class="vlm-sr">Which token attends to which image</caption>'
        f'<thead><tr><th scope="col">token</th><th scope="col">φ</th>{images}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def phi_explorer(sequence: str = "a dog <image> sits <image> and runs") -> Html:
    """The figure, starting from `sequence`: tokens separated by spaces, of which `<image>` is an image.

    Raises `ValueError` if the sequence to start from is empty, has no image or is longer than 24 tokens; what a
    reader types later is answered by a message in the figure.
    """
    tokens = sequence.split()
    if not 0 < len(tokens) <= MAX_TOKENS or IMAGE not in tokens:
        raise ValueError(f"sequence is {sequence!r}, expected 1 to {MAX_TOKENS} tokens with {IMAGE} among them")
    phi = phi_of(tokens)
    mask = last_image_mask(phi, int(phi.max()), tokens_per_image=1)
    return figure(
        "phi_explorer",
        config={"sequence": sequence, "limit": MAX_TOKENS},
        static=mask_table(tokens, phi[0], mask[0]),
        alt="Explorer: the image index phi of each token, the mask, and the images that a token reaches",
        caption="φ counts the images at or before a token. Under the last-image mask a token attends to image "
        "number φ alone; earlier images reach it through the tokens that attended to them.",
    )
