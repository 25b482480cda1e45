"""Training losses: contrastive (CLIP), sigmoid (SigLIP) and captioning.

Each is one function whatever the implementation. The plain ones stand here; those that never hold the
similarity matrix, or hold it once, are in `kernels`. Chapters: 02_contrastive, 35_coca, and every chapter
that trains a captioner.
"""

import os
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape
from vlm_lib.kernels import distributed, tiles
from vlm_lib.kernels.contrastive import TiledContrastive
from vlm_lib.kernels.sigmoid import TiledSigmoid, positive_pairs

Implementation = Literal["auto", "dense", "one_buffer", "chunked", "triton"]
SMALL_MATRIX = (
    2**20
)  # entries under which "auto" stays with "dense": tiles cost about a millisecond whatever the size
MATRIX_BUDGET = 2**29  # bytes of similarity matrix that "auto" spends on a CPU; on CUDA a quarter of what is free


def _one_number(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    value = torch.as_tensor(value, device=like.device)
    if value.numel() != 1:
        raise ValueError(f"{name} has shape {list(value.shape)}, expected one number")
    require_finite(name, value)
    return value.to(like.dtype)


def _checked(
    image_features: Tensor, text_features: Tensor, scalars: dict[str, float | Tensor], positives: Tensor | None
) -> tuple[Tensor, ...]:
    """Both features and the scalars, validated and in one dtype of at least float32."""
    require_shape("image_features", image_features, batch=None, dim=None)
    require_shape("text_features", text_features, batch=image_features.shape[0], dim=image_features.shape[1])
    for name, features in (("image_features", image_features), ("text_features", text_features)):
        if not features.is_floating_point():
            raise ValueError(f"{name} has dtype {features.dtype}, expected a floating-point type")
        require_finite(name, features)
    if positives is not None:
        require_shape("positives", positives, batch=image_features.shape[0])
        if positives.is_floating_point():
            raise ValueError(f"positives has dtype {positives.dtype}, expected integer labels")
    # bfloat16 has 8 bits: a logit of 100 would be rounded to the next half, so products are never done in it
    dtype = torch.promote_types(torch.promote_types(image_features.dtype, text_features.dtype), torch.float32)
    features = image_features.to(dtype), text_features.to(dtype)
    return *features, *(_one_number(name, value, features[0]) for name, value in scalars.items())


def _dense_contrastive(x: Tensor, y: Tensor, scale: Tensor, labels: Tensor | None, group) -> Tensor:
    """Two cross-entropies over a matrix of logits, its rows and its columns."""
    rank, size = distributed.world(group)
    if group is None:
        per_image = scale * x @ y.T
        per_text = per_image.T
    else:
        per_image = scale * x @ distributed.GatherWithGradient.apply(y, group).T
        per_text = scale * y @ distributed.GatherWithGradient.apply(x, group).T
    if labels is None:
        target = torch.arange(len(x), device=x.device) + rank * len(x)
    else:
        equal = (labels[:, None] == distributed.all_gather(labels, group)).to(x.dtype)
        target = equal / equal.sum(1, keepdim=True)
    loss = (F.cross_entropy(per_image, target) + F.cross_entropy(per_text, target)) / 2
    if group is None:
        return loss
    everyone = distributed.all_sum(loss.detach().clone(), group) / size
    return loss + (everyone - loss.detach())  # the value of all ranks, the gradient of this one's share


def _choose(rows: int, columns: int, device: torch.device) -> str:
    """The implementation for "auto": the fastest whose matrix the memory can afford."""
    if rows * columns < SMALL_MATRIX:
        return "dense"
    budget = torch.cuda.mem_get_info(device)[0] // 4 if device.type == "cuda" else MATRIX_BUDGET
    if 4 * rows * columns > budget:
        return "triton" if device.type == "cuda" else "chunked"
    return "dense" if torch.compiler.is_compiling() else "one_buffer"


def _chunk(chunk_size: int | None, device: torch.device) -> int:
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise ValueError(f"chunk_size is {chunk_size!r}, expected a positive integer or None")
    return chunk_size or tiles.TILE.get(device.type, 1024)


def _kernels(impl: str, device: torch.device):
    if impl != "triton":
        return tiles
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(f"impl is 'triton' but the features are on {device.type}, expected a CUDA device")
    from vlm_lib.kernels import triton_tiles  # Triton is not installed on every platform

    return triton_tiles


def contrastive_loss(
    image_features: Float[Tensor, "batch dim"],
    text_features: Float[Tensor, "batch dim"],
    logit_scale: Float[Tensor, ""] | float,
    *,
    impl: Implementation = "auto",
    chunk_size: int | None = None,
    group: dist.ProcessGroup | None = None,
    positives: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Each image picks its text among all texts of the batch and each text its image: the mean of both.

    The features are already L2-normalised and `logit_scale` already exponentiated (it is 1/temperature).
    Reduced precision is computed in float32, with or without autocast.

    `impl`: "dense" is plain torch, differentiable twice and traceable by `torch.compile`. The others are
    differentiable once and break the compiled graph: "one_buffer" keeps the matrix once and multiplies 3
    times instead of ClipLoss's 6, "chunked" keeps no more than `chunk_size` x `chunk_size` of it and
    multiplies 4 times, "triton" is the same in fused kernels for CUDA. "auto" takes "dense" for
    small batches, then "one_buffer" while the matrix fits the memory.

    `group`: the batch is spread over the ranks of a `torch.distributed` group, equally. Every rank returns
    the loss of the whole batch; its gradients are such that after averaging over ranks, which is what DDP
    does, those of parameters and of logit_scale equal the gradients of one process with the whole batch.

    `positives`: labels; pairs with equal labels count as each other's partners, and the target is spread over
    them evenly (UniCL). Without it, a duplicate caption is pushed away from the image that it describes.

    Raises `ValueError` for wrong shapes, an empty batch, values that are not finite, features that are not
    floating point, a bad `chunk_size` or `impl`, and, on all ranks, for anything of that on one rank.
    Source: CLIP, section 2.3 and figure 3 (arXiv 2103.00020); UniCL (arXiv 2204.03610); tiles:
    Inf-CL (arXiv 2410.17243). Chapter: 02_contrastive.
    """
    error, checked = None, None
    try:
        checked = _checked(image_features, text_features, {"logit_scale": logit_scale}, positives)
    except ValueError as refused:
        error = refused
    distributed.require_agreement(image_features, error, group)
    x, y, scale = checked
    chunk = _chunk(chunk_size, x.device)
    if impl == "auto":
        impl = _choose(len(x), len(x) * distributed.world(group)[1], x.device)
    with torch.autocast(x.device.type, enabled=False):
        if impl == "dense":
            return _dense_contrastive(x, y, scale, positives, group)
        if impl in ("one_buffer", "chunked", "triton"):
            return _tiled_contrastive(x, y, scale, positives, group, impl, chunk)
    raise ValueError(f"impl is {impl!r}, expected one of {Implementation.__args__}")


@torch.compiler.disable
def _tiled_contrastive(x, y, scale, labels, group, impl, chunk) -> Tensor:
    keep = impl == "one_buffer" and torch.is_grad_enabled()
    return TiledContrastive.apply(x, y, scale, labels, group, _kernels(impl, x.device), chunk, keep)


def sigmoid_loss(
    image_features: Float[Tensor, "batch dim"],
    text_features: Float[Tensor, "batch dim"],
    logit_scale: Float[Tensor, ""] | float,
    logit_bias: Float[Tensor, ""] | float,
    *,
    chunk_size: int | None = None,
    positives: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Every image and text of the batch are asked on their own whether they belong together.

    -sum_ij log sigmoid(z_ij (logit_scale x_i . y_j + logit_bias)) / batch, with z_ij = 1 for pairs and -1
    otherwise: divided by the batch, not by its square. Inputs, precision and `positives` as in
    `contrastive_loss` (all texts with the image's label are pairs). With `chunk_size` memory is linear in the
    batch, the gradient is accumulated in the forward pass, and the result is differentiable once.

    Raises `ValueError` as `contrastive_loss` does.
    Source: SigLIP, section 3.2 and algorithm 1 (arXiv 2303.15343). Chapter: 02_contrastive.
    """
    scalars = {"logit_scale": logit_scale, "logit_bias": logit_bias}
    x, y, scale, bias = _checked(image_features, text_features, scalars, positives)
    with torch.autocast(x.device.type, enabled=False):
        if chunk_size is not None:
            return _tiled_sigmoid(x, y, scale, bias, positives, _chunk(chunk_size, x.device))
        logits = scale * x @ y.T + bias
        everything = slice(0, len(x))
        pairs = positive_pairs(positives, everything, everything, x.device)
        return F.softplus(torch.where(pairs, -logits, logits)).sum() / len(x)


@torch.compiler.disable
def _tiled_sigmoid(x, y, scale, bias, labels, chunk) -> Tensor:
    wanted = torch.is_grad_enabled() and any(t.requires_grad for t in (x, y, scale, bias))
    return TiledSigmoid.apply(x, y, scale, bias, labels, chunk, wanted)


def caption_loss(
    logits: Float[Tensor, "batch seq vocab"],
    targets: Int[Tensor, "batch seq"],
    *,
    ignore_index: int = -100,
) -> Float[Tensor, ""]:
    """Mean cross-entropy, in nats a token, of the tokens that count. The targets are already shifted.

    Positions whose target is `ignore_index` (padding, prompts, image slots) neither count nor are counted.
    Raises `ValueError` for wrong shapes, an empty batch, logits that are not finite, targets outside the
    vocabulary, or when no token counts (the mean would be 0/0).
    Source: CoCa, section 3.1 (arXiv 2205.01917). Chapters: 12_simvlm, 35_coca.
    """
    require_shape("logits", logits, batch=None, seq=None, vocab=None)
    require_shape("targets", targets, batch=logits.shape[0], seq=logits.shape[1])
    require_finite("logits", logits)
    if targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(f"targets has dtype {targets.dtype}, expected integer token ids")
    if not torch.compiler.is_compiling():
        counted = targets[targets != ignore_index]
        if counted.numel() == 0:
            raise ValueError(f"targets holds nothing but ignore_index={ignore_index}, expected a token")
        low, high = int(counted.min()), int(counted.max())
        if low < 0 or high >= logits.shape[2]:
            raise ValueError(f"targets reach from {low} to {high}, expected ids below {logits.shape[2]}")
    with torch.autocast(logits.device.type, enabled=False):
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(wide.flatten(0, 1), targets.flatten().long(), ignore_index=ignore_index)
