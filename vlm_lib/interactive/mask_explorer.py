"""The book's attention masks, one at a time, and what a row reaches after several layers.

Chapters: 03_attention, 34_flamingo.

The script computes in the browser what `attention.masks` and products of boolean matrices compute here; a test
compares the two on random sequences.
"""

from html import escape

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from vlm_lib.attention.masks import (
    all_previous_images_mask,
    causal_mask,
    image_index,
    last_image_mask,
    prefix_lm_mask,
)
from vlm_lib.checks import check_one_of
from vlm_lib.interactive.figure import Html, figure

IMAGE = "<image>"
MAX_TOKENS = 16
MAX_LAYERS = 8
WINDOW = "window of 2"
SELF_MASKS = ("full", "causal", WINDOW, "prefix-LM")
CROSS_MASKS = {"last image": last_image_mask, "all previous images": all_previous_images_mask}
MASKS = (*SELF_MASKS, *CROSS_MASKS)
CELLS = {  # by (may attend directly, is reached)
    (True, True): '<td class="vlm-direct">●</td>',
    (False, True): '<td class="vlm-indirect">○</td>',
    (False, False): "<td>·</td>",
}


def mask_explorer(
    sequence: str = "<image> a cat <image> a dog .", *, mask: str = "causal", prefix: int = 2, layers: int = 1
) -> Html:
    """Choose a mask, edit the sequence, and see which pairs it allows and what each row reaches through layers.

    `sequence` holds 1 to 16 tokens separated by blanks, `<image>` is an image. `mask` is one of

    - "full", "causal", "window of 2" (a token sees itself and the one before it), "prefix-LM" (`prefix` tokens see
      one another both ways): self-attention, the columns are the tokens themselves, an image being one token;
    - "last image", "all previous images": cross-attention, the columns are the images of the sequence, and beside
      each token stands phi, the number of images at or before it.

    With `layers` (1 to 8) the figure also shows what a row reaches indirectly. Let M be the mask. One layer
    reaches R_1 = M, each further one R_{n+1} = B R_n, a product of boolean matrices. For self-attention B is M.
    For cross-attention B is the causal self-attention of the text that follows each cross-attention in Flamingo;
    the one after the last layer is left out, so that R_1 is the mask. B holds the diagonal, so R never shrinks.

    Raises `ValueError` for a sequence of no or more than 16 tokens, or without an image under a cross-attention
    mask; an unknown `mask`; a `prefix` that is no integer from 0 to the number of tokens; `layers` outside 1 to 8.
    Sources: SimVLM, section 3.1 (arXiv 2108.10904); Flamingo, section 2.3 (arXiv 2204.14198v2).
    """
    tokens = sequence.split()
    if not 0 < len(tokens) <= MAX_TOKENS:
        raise ValueError(f"sequence is {sequence!r}, expected 1 to {MAX_TOKENS} tokens separated by blanks")
    check_one_of("mask", mask, MASKS)
    if mask in CROSS_MASKS and IMAGE not in tokens:
        raise ValueError(f"sequence is {sequence!r}, expected {IMAGE} among its tokens for the mask {mask!r}")
    _require_whole("prefix", prefix, 0, len(tokens))
    _require_whole("layers", layers, 1, MAX_LAYERS)
    return figure(
        "mask_explorer",
        config={"sequence": sequence, "mask": mask, "prefix": prefix, "layers": layers, "limit": MAX_TOKENS},
        static=_static(tokens, mask, prefix, layers),
        alt="Explorer: what each token attends to under a chosen mask, and reaches after several layers",
        caption="A row attends to columns. In self-attention the columns are the tokens, and a row reaches what "
        "the tokens it attends to reached one layer before, so that the window grows by a token with "
        "every layer. Under the image masks the columns are images, and between two "
        "cross-attention layers stands causal self-attention: a token reaches what the tokens up to "
        "it reached one layer before. φ counts the images at or before a token; the last image is number φ.",
    )


def direct_mask(tokens: list[str], mask: str, prefix: int) -> Bool[Tensor, "seq columns"]:
    """Whom each token may attend to in one layer; the columns are tokens, or images for the two image masks."""
    seq = len(tokens)
    if mask == "full":
        return torch.ones(seq, seq, dtype=torch.bool)
    if mask == "causal":
        return causal_mask(seq)
    if mask == WINDOW:
        return causal_mask(seq).triu(-1)
    if mask == "prefix-LM":
        return prefix_lm_mask(torch.tensor([prefix]), seq)[0]
    phi = phi_of(tokens)
    return CROSS_MASKS[mask](phi[None], int(phi.max()), 1)[0]


def phi_of(tokens: list[str]) -> Int[Tensor, " seq"]:
    """How many images stand at or before each token."""
    return image_index(torch.tensor([[token == IMAGE for token in tokens]]))[0]


def reached_after(
    direct: Bool[Tensor, "seq columns"], between: Bool[Tensor, "seq seq"], layers: int
) -> Bool[Tensor, "seq columns"]:
    """What each row has received from after `layers` layers: `direct`, then `between` before each further one."""
    reached = direct
    for _ in range(layers - 1):
        reached = (between.float() @ reached.float()) > 0
    return reached


def _require_whole(name: str, value: int, lowest: int, highest: int) -> None:
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(f"{name} is {value!r}, expected an integer from {lowest} to {highest}")


def _static(tokens: list[str], mask: str, prefix: int, layers: int) -> str:
    """The matrix as a table of symbols, and how many pairs it allows."""
    direct = direct_mask(tokens, mask, prefix)
    cross = mask in CROSS_MASKS
    reached = reached_after(direct, causal_mask(len(tokens)) if cross else direct, layers)
    columns = [f"image {i + 1}" for i in range(direct.shape[1])] if cross else tokens
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in ["φ"] * cross + columns)
    rows = ""
    for token, phi, *row in zip(tokens, phi_of(tokens).tolist(), direct.tolist(), reached.tolist(), strict=True):
        cells = f'<td class="vlm-n">{phi}</td>' * cross + "".join(CELLS[pair] for pair in zip(*row, strict=True))
        rows += f'<tr><th scope="row">{escape(token)}</th>{cells}</tr>'
    within = f", {_share(reached)} are reached within {layers} layers (● and ○)" if layers > 1 else ""
    return (
        f'<div class="vlm-scroll"><table class="vlm-matrix"><caption class="vlm-sr">Mask: {mask}</caption>'
        f'<thead><tr><th scope="col">token</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p>Mask {mask}: {_share(direct)} may attend directly (●){within}.</p>"
    )


def _share(mask: Bool[Tensor, "seq columns"]) -> str:
    """Halves are rounded up, as the script's Math.round does."""
    return f"{int(mask.sum())} of {mask.numel()} pairs ({int(100 * mask.double().mean() + 0.5)}%)"
