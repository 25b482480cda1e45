"""Last-image attention through FlexAttention: blocks of scores in which no text sees an image are never computed.

phi never decreases, so the images that a block of text sees are consecutive, and the block mask follows from phi
at the two ends of each block; the dense mask is never built. Text before the first image is paired with that image
and its output discarded, so that no row has an empty softmax. Compiled on CUDA (the first call takes seconds);
on CPU it runs uncompiled and forward only, slower than "dense". Chapter: 03_attention.
"""

import functools
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:  # where it is used it is imported: that takes a third of the time that torch itself takes
    from torch.nn.attention.flex_attention import BlockMask

# FlexAttention's usual block. With 64 columns, which would fit images of 64 tokens better, its CUDA kernel refuses
ROWS = COLUMNS = 128


def block_mask(phi: Int[Tensor, "batch seq"], images: int, tokens: int) -> "BlockMask":
    """Which blocks of ROWS x COLUMNS hold a permitted pair; inside them `phi` decides."""
    from torch.nn.attention.flex_attention import BlockMask

    seq, visual = phi.shape[1], images * tokens
    number = phi.clamp(min=1)
    row_starts = torch.arange(0, seq, ROWS, device=phi.device)
    row_ends = (row_starts + ROWS - 1).clamp(max=seq - 1)
    first = (number[:, row_starts] - 1) * tokens // COLUMNS
    last = (number[:, row_ends] * tokens - 1) // COLUMNS
    all_columns = -(-visual // COLUMNS)
    # the needed blocks come first and the others after them, as the format asks for
    order = (first[:, :, None] + torch.arange(all_columns, device=phi.device)) % all_columns

    def sees(example, head, row, column):
        return number[example, row] == column // tokens + 1

    return BlockMask.from_kv_blocks(
        (last - first + 1)[:, None].int(),
        order[:, None].int(),
        BLOCK_SIZE=(ROWS, COLUMNS),
        mask_mod=sees,
        seq_lengths=(seq, visual),
    )


@functools.cache
def flex_attention_function(compiled: bool):
    """FlexAttention; compiled it is one function for the process, so that equal shapes share their kernels."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if compiled else flex_attention


def unavailable(q: Tensor, k: Tensor, v: Tensor) -> str | None:
    """Why FlexAttention cannot serve these tensors; None if it can."""
    if q.device.type not in ("cuda", "cpu"):
        return f"needs a CUDA device, or a CPU for the forward pass, q is on {q.device}"
    if q.device.type == "cpu" and torch.is_grad_enabled() and any(t.requires_grad for t in (q, k, v)):
        return "has no backward pass on CPU: call it under torch.no_grad(), or use impl='segments'"
    return None


def flex_last_image_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    phi: Int[Tensor, "batch seq"],
) -> Float[Tensor, "batch heads seq dim"]:
    """See `attention.last_image_attention`."""
    mask = block_mask(phi, k.shape[2], k.shape[3])
    if q.device.type == "cpu":
        q, k, v = (
            q.detach(),
            k.detach(),
            v.detach(),
        )  # FlexAttention refuses leaves even where no gradient is asked for
    compiled = q.device.type == "cuda" and not torch.compiler.is_compiling()
    out = flex_attention_function(compiled)(q, k.flatten(2, 3), v.flatten(2, 3), block_mask=mask)
    return out.masked_fill((phi == 0)[:, None, :, None], 0.0)
