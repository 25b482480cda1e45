"""Last-image attention in every implementation against float64, forward and backward.

A reduced precision may be off by what its dense form is off by, times WORSE_THAN_DENSE.
"""

import functools
from collections.abc import Iterator

import torch
from torch import Tensor

from vlm_lib.attention import last_image_attention
from vlm_lib.bench.gpu.checks import ALLOWED, checked, relative_error, with_gradients
from vlm_lib.training.seeds import seed_everything

WORSE_THAN_DENSE = 2.0
ON_CUDA = ("triton", "varlen")
# text, images, tokens, head dimension, and the standard deviation of the logits
SHAPES = {
    "64 tokens": (300, 5, 64, 64, 1.0),
    "sharp": (300, 5, 64, 64, 9.0),
    "odd sizes": (37, 3, 5, 24, 1.0),
    "one image": (130, 1, 64, 64, 1.0),
    "one token of text": (1, 4, 16, 32, 1.0),
}


FLEX_COMPILES = {("64 tokens", "text first"), ("64 tokens", "blind"), ("sharp", "image first")}


def phis(seq: int, images: int) -> dict[str, Tensor]:
    """Texts of two examples: as drawn, image first, never an image, images that no text sees."""
    drawn = torch.sort(torch.randint(0, images + 1, (2, seq)), dim=1).values
    equal = (torch.arange(seq) * images // seq + 1).expand(2, -1).contiguous()
    return {
        "text first": drawn,
        "image first": equal,
        "blind": torch.zeros(2, seq, dtype=torch.long),
        "unseen images": torch.where(drawn > images // 2, images, torch.zeros_like(drawn)),
    }


def inputs(seq: int, images: int, tokens: int, dim: int, sharpness: float, dtype: torch.dtype, device) -> tuple:
    """q, k, v as projections leave them, in `dtype`, and the gradient of the output."""
    draws = [torch.randn(2, seq, 3, dim), *torch.randn(2, 2, images, tokens, 3, dim), torch.randn(2, 3, seq, dim)]
    q, k, v, upstream = (t.to(device, dtype) for t in (draws[0] * sharpness, *draws[1:]))
    return q.transpose(1, 2), *(t.permute(0, 3, 1, 2, 4) for t in (k, v)), upstream


def by_gathering(q: Tensor, k: Tensor, v: Tensor, phi: Tensor) -> Tensor:
    """The definition: every position fetches its image, and a softmax over its tokens weighs them."""
    example = torch.arange(len(q), device=q.device)[:, None]
    image = (phi.long() - 1).clamp(min=0)
    keys, values = (t.permute(0, 2, 1, 3, 4)[example, image] for t in (k, v))  # [batch seq heads tokens dim]
    weights = (torch.einsum("bhsd,bshtd->bhst", q, keys) * q.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("bhst,bshtd->bhsd", weights, values).masked_fill((phi == 0)[:, None, :, None], 0.0)


def implementations(dtype: torch.dtype, device: torch.device) -> list[str]:
    """Those of last-image attention that can run."""
    on_cuda = [] if device.type != "cuda" else ["triton"] if dtype == torch.float32 else list(ON_CUDA)
    return ["auto", "dense", "segments", "flex", *on_cuda]


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """All implementations, shapes and texts; then random sizes, which no one chose. `subject` is a dtype."""
    dtype = getattr(torch, subject)
    chosen = implementations(dtype, device)
    for impl in set(ON_CUDA) - set(chosen):
        yield {"skipped": impl, "because": f"needs CUDA, or for varlen half precision: {device.type}, {dtype}"}
    for shape, sizes in SHAPES.items():
        for text, phi in phis(*sizes[:2]).items():
            for impl in chosen:
                if impl == "flex" and (shape, text) not in FLEX_COMPILES:
                    continue  # every shape is a compilation of its own, half a minute each
                yield attention_check(f"{impl}, {shape}, {text}", impl, sizes, phi, dtype, device)
    for draw in range(8):
        seed_everything(draw)
        seq, images, tokens, dim = (int(torch.randint(1, high, ())) for high in (200, 9, 64, 9))
        phi = torch.sort(torch.randint(0, images + 1, (2, seq)), dim=1).values.int()
        sizes = seq, images, tokens, 8 * dim, 2.0
        for impl in [name for name in chosen if name not in ("flex", "auto")]:
            yield attention_check(f"{impl}, drawn {draw} {sizes}", impl, sizes, phi, dtype, device)
    none = (5, 0, 4, 16, 1.0)
    for impl in chosen:
        yield attention_check(f"{impl}, no images", impl, none, torch.zeros(2, 5, dtype=torch.long), dtype, device)


def attention_check(name: str, impl: str, sizes: tuple, phi: Tensor, dtype: torch.dtype, device) -> dict:
    """One implementation on one input."""
    seed_everything(0)
    *qkv, upstream = inputs(*sizes, dtype, device)
    phi = phi.to(device)
    on_cpu = device.type == "cpu" and impl == "flex"  # forward only

    def error() -> float:
        def call(*leaves: Tensor, chosen: str = impl) -> Tensor:
            return last_image_attention(*leaves, phi, impl=chosen)

        if sizes[1] == 0:
            return relative_error([call(*qkv)], [torch.zeros_like(qkv[0])])
        true = with_gradients(lambda *t: by_gathering(*t, phi), [t.double() for t in qkv], upstream)
        with torch.set_grad_enabled(not on_cpu):
            got = [call(*qkv)] if on_cpu else with_gradients(call, qkv, upstream)
        blind = (phi == 0)[:, None, :, None].expand_as(got[0])
        if got[0][blind].any() or (len(got) > 1 and got[1][blind].any()):
            return float("inf")  # must be exactly 0
        size = relative_error(got, true[: len(got)])
        if dtype != torch.float32 and impl != "dense" and size > ALLOWED[dtype]:
            dense = with_gradients(functools.partial(call, chosen="dense"), qkv, upstream)
            size = size / max(1.0, relative_error(dense, true) * WORSE_THAN_DENSE / ALLOWED[dtype])
        return size

    return checked(name, ALLOWED[dtype] * (3 if sizes[-1] > 2 else 1), error)
