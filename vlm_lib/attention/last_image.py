"""The last-image rule: each text token attends to the visual tokens of one image. Fast forms are in `kernels`."""

import importlib
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vlm_lib.attention.masks import last_image_mask
from vlm_lib.checks import require_finite, require_phi, require_shape
from vlm_lib.kernels import TRITON_INSTALLED
from vlm_lib.kernels.flex import flex_last_image_attention
from vlm_lib.kernels.flex import unavailable as flex_unavailable
from vlm_lib.kernels.segments import segments_attention
from vlm_lib.kernels.varlen import unavailable as varlen_unavailable
from vlm_lib.kernels.varlen import varlen_attention


def masked_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    mask: Bool[Tensor, "batch seq images*tokens"],
) -> Float[Tensor, "batch heads seq dim"]:
    """Attention over all visual tokens under a boolean mask; a row without any permitted token is exactly 0.

    The plain reference with which faster implementations are compared. Raises `ValueError` unless the mask has a
    row for each position of q and a column for each visual token of k. Chapter: 03_attention.
    """
    require_shape("mask", mask, batch=q.shape[0], seq=q.shape[2], columns=k.shape[2] * k.shape[3])
    sees_something = mask.any(dim=-1)
    if mask.shape[-1] == 0:  # still a function of q, with gradient 0
        return q.masked_fill(~sees_something[:, None, :, None], 0.0)
    # a softmax over nothing is 0/0, forward and backward: let such rows see everything, then discard them
    mask = mask | ~sees_something[:, :, None]
    out = F.scaled_dot_product_attention(q, k.flatten(2, 3), v.flatten(2, 3), attn_mask=mask[:, None])
    return out.masked_fill(~sees_something[:, None, :, None], 0.0)


def _one_image(q, k, v, phi):
    """All positions of an example see one image: decoding a token reads the last image and no other."""
    if k.shape[2] == 1:
        k, v = k[:, :, 0], v[:, :, 0]
    else:
        example, image = torch.arange(len(q), device=q.device), phi.amax(dim=1).long().clamp(min=1) - 1
        k, v = k[example, :, image], v[example, :, image]
    out = F.scaled_dot_product_attention(q, k, v)
    blind = phi == 0
    if torch.compiler.is_compiling() or blind.any():
        out = out.masked_fill(blind[:, None, :, None], 0.0)
    return out


def _dense(q, k, v, phi):
    return masked_attention(q, k, v, last_image_mask(phi, k.shape[2], k.shape[3]))


def _triton():
    return importlib.import_module("vlm_lib.kernels.triton_last_image")  # not installed on every platform


IMPLEMENTATIONS = {
    "dense": _dense,
    "one_image": _one_image,
    "segments": segments_attention,
    "varlen": varlen_attention,
    "flex": flex_last_image_attention,
}
Implementation = Literal["auto", "dense", "segments", "varlen", "flex", "triton"]


def _why_not(impl: str, q: Tensor, k: Tensor, v: Tensor) -> str | None:
    """What keeps `impl` from running on these tensors, or None."""
    if impl == "varlen":
        return varlen_unavailable(q)
    if impl == "triton":
        return _triton().unavailable(q, k) if TRITON_INSTALLED else "needs Triton, which is not installed"
    return flex_unavailable(q, k, v) if impl == "flex" else None


def choose_implementation(
    heads: int,
    seq: int,
    images: int,
    tokens: int,
    device: str,
    *,
    triton_can: bool = False,
    compiling: bool = False,
) -> Literal["dense", "one_image", "segments", "triton"]:
    """What "auto" takes for q [batch heads seq dim] and k [batch heads images tokens dim] on a device type.

    On CUDA "triton" where it can run on these tensors: forward and backward, the fastest at 1, 8 and 32 images of
    64 tokens in bfloat16 (H100; float32 was checked there, not timed). On a CPU "segments" for long texts. Else,
    and under `torch.compile`, "one_image" (the last image, read without a mask) where there is one new token, or
    one image; else "dense".
    """
    if device == "cuda" and triton_can and not compiling:
        return "triton"
    # runs of text differ from batch to batch, which a compiled graph cannot follow
    by_run = device == "cpu" and not compiling
    if seq == 1:
        return "one_image"
    if images == 1:
        # no mask in either; pieces that stay in the cache win by 5 % from about 1,000 positions on
        return "segments" if by_run and heads * seq * tokens >= 2**19 else "one_image"
    # measured: starting a run costs about as much as 16,000 masked scores, so short texts are better off dense
    return "segments" if by_run and heads * (seq / images) * tokens * (images - 1) >= 2**14 else "dense"


def last_image_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    phi: Int[Tensor, "batch seq"],
    *,
    impl: Implementation = "auto",
) -> Float[Tensor, "batch heads seq dim"]:
    """Each text position attends to the tokens of image number phi and to nothing else.

    A row with phi == 0 is exactly 0 and has gradient 0. `impl`:
    "dense" masks all visual tokens, differentiable as often as `scaled_dot_product_attention` is;
    "segments" attends image by image, once differentiable, meant for CPU;
    "varlen" does so in one launch, on CUDA in half precision; "flex" skips blocks of the mask, on CUDA;
    "triton" is a kernel for this rule, on CUDA, once differentiable; "auto" is what `choose_implementation` says.
    Scores and softmax are float32 also for bfloat16 and float16.
    Raises `ValueError` for wrong shapes, a phi that decreases or exceeds the number of images, an empty batch,
    values that are not finite ("triton" does not look at images that no text sees), an unknown `impl`, or one that
    cannot run on this device and dtype.
    Source: Flamingo, section 2.3 (arXiv 2204.14198v2). Chapter: 34_flamingo.
    """
    batch, heads, seq, dim = q.shape if q.ndim == 4 else (None,) * 4
    require_shape("q", q, batch=None, heads=None, seq=None, dim=None)
    require_shape("k", k, batch=batch, heads=heads, images=None, tokens=None, dim=dim)
    require_shape("v", v, batch=batch, heads=heads, images=k.shape[2], tokens=k.shape[3], dim=dim)
    require_shape("phi", phi, batch=batch, seq=seq)
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        if tensor.dtype != q.dtype:
            raise ValueError(f"{name} has dtype {tensor.dtype}, expected that of q, {q.dtype}")
    if impl not in Implementation.__args__:
        raise ValueError(f"impl is {impl!r}, expected one of {Implementation.__args__}")
    if reason := _why_not(impl, q, k, v):
        raise ValueError(f"impl is {impl!r}, which {reason}")

    def check_values() -> None:
        require_phi(phi, k.shape[2])
        for name, tensor in (("q", q), ("k", k), ("v", v)):
            require_finite(name, tensor)

    empty = 0 in (seq, *k.shape[2:4])
    if impl == "auto" and not empty:
        sizes, compiling = (heads, seq, *k.shape[2:4]), torch.compiler.is_compiling()
        triton_can = q.device.type == "cuda" and not compiling and _why_not("triton", q, k, v) is None
        impl = choose_implementation(*sizes, q.device.type, triton_can=triton_can, compiling=compiling)
    if impl == "triton" and not empty and not (phi.is_floating_point() or phi.dtype == torch.bool):
        return _triton().triton_last_image_attention(q, k, v, phi, check_values)  # it looks while it reads
    check_values()
    return _dense(q, k, v, phi) if empty else IMPLEMENTATIONS[impl](q, k, v, phi)
