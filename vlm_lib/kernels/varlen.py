"""Last-image attention as one launch over text runs of unequal length, on CUDA: `torch.nn.attention.varlen`.

The text, laid end to end, is cut where the image changes; each piece goes with the tokens of its image. No mask,
and no launch an image, as `kernels.segments` has. Text before the first image goes with that image, and its output
is discarded, so that no piece has an empty softmax. Tests on a CPU replace
the CUDA primitive by a loop. Chapter: 03_attention.
"""

from importlib.util import find_spec
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Packing(NamedTuple):
    """Pieces in the order of the text: where each starts and where the last one ends, and their images."""

    starts: Int[Tensor, " pieces+1"]
    images: Int[Tensor, " pieces"] | None  # row of [batch*images]; None: every image, in order
    longest: int


def pack(phi: Int[Tensor, "batch seq"], images: int) -> Packing:
    """One piece for each image that any text sees; images that none sees are left out."""
    batch, seq = phi.shape
    numbers = torch.arange(1, images + 1, device=phi.device, dtype=phi.dtype).expand(batch, -1).contiguous()
    offsets = torch.arange(batch, device=phi.device)[:, None] * seq
    starts = (torch.searchsorted(phi.clamp(min=1).contiguous(), numbers) + offsets).flatten()
    end = starts.new_full((1,), batch * seq)
    lengths = torch.cat([starts, end]).diff()
    longest, shortest = torch.stack([lengths.max(), lengths.min()]).tolist()
    seen = None
    if shortest == 0:
        seen = lengths.nonzero().flatten()
        starts = starts[seen]
    return Packing(torch.cat([starts, end]).int(), seen, longest)


def flash_varlen(
    q: Float[Tensor, "text heads dim"],
    k: Float[Tensor, "visual heads dim"],
    v: Float[Tensor, "visual heads dim"],
    text_starts: Int[Tensor, " pieces+1"],
    visual_starts: Int[Tensor, " pieces+1"],
    longest_text: int,
    longest_visual: int,
) -> Float[Tensor, "text heads dim"]:
    """torch's primitive, imported when used because older versions of torch lack it."""
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn(q, k, v, text_starts, visual_starts, longest_text, longest_visual)


def unavailable(q: Float[Tensor, "batch heads seq dim"]) -> str | None:
    """Why `flash_varlen` cannot serve such queries; None if it can."""
    if q.device.type != "cuda":
        return f"needs a CUDA device, q is on {q.device}"
    if q.dtype not in (torch.float16, torch.bfloat16):
        return f"needs float16 or bfloat16, q is {q.dtype}"
    if q.shape[-1] % 8 or q.shape[-1] > 256:
        return f"needs a head dimension that is a multiple of 8 and at most 256, q has {q.shape[-1]}"
    if torch.cuda.get_device_capability(q.device) < (8, 0):
        return "needs a GPU of compute capability 8.0 or later"
    if find_spec("torch.nn.attention.varlen") is None:
        return f"needs a torch with torch.nn.attention.varlen, this is {torch.__version__}"
    return None


def varlen_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    phi: Int[Tensor, "batch seq"],
) -> Float[Tensor, "batch heads seq dim"]:
    """See `attention.last_image_attention`."""
    batch, heads, seq, dim = q.shape
    images, tokens = k.shape[2:4]
    packing = pack(phi, images)
    text = q.transpose(1, 2).reshape(batch * seq, heads, dim)
    k, v = (t.permute(0, 2, 3, 1, 4).reshape(batch * images, tokens, heads, dim) for t in (k, v))
    if packing.images is not None:
        k, v = k[packing.images], v[packing.images]
    visual_starts = torch.arange(len(packing.starts), device=q.device, dtype=torch.int32) * tokens
    out = flash_varlen(
        text, k.flatten(0, 1), v.flatten(0, 1), packing.starts, visual_starts, packing.longest, tokens
    )
    out = out.view(batch, seq, heads, dim).transpose(1, 2)
    return out.masked_fill((phi == 0)[:, None, :, None], 0.0)
