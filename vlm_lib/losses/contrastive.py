"""The contrastive loss of CLIP: the plain eight lines first, then one function that chooses how to compute them.

The implementations that never hold the similarity matrix, or hold it once, are in `kernels`. Chapter:
02_contrastive.
"""

from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.kernels import TRITON_INSTALLED, distributed, tiles
from vlm_lib.kernels.contrastive import TiledContrastive
from vlm_lib.losses.inputs import checked_chunk, checked_pairs

Implementation = Literal["auto", "dense", "one_buffer", "chunked", "triton"]
# entries under which "auto" stays with "dense": tiles cost about a millisecond whatever the size, kernels two;
# on CUDA the place between 4,096 and 16,384 pairs, both measured, is reckoned from these
SMALL_MATRIX = {"cpu": 2**20, "cuda": 2**25}
MATRIX_BUDGET = 2**29  # bytes of similarity matrix that "auto" spends on a CPU; on CUDA a quarter of what is free
FRUGALITY = ("dense", "one_buffer", "chunked", "triton")  # each holds no more of the matrix than the one before


def clip_loss(
    image_features: Float[Tensor, "batch dim"],
    text_features: Float[Tensor, "batch dim"],
    logit_scale: Float[Tensor, ""] | float,
) -> Float[Tensor, ""]:
    """CLIP's loss as one reads it: row i of the similarity matrix should pick column i, and column i row i.

    Features are L2-normalised, `logit_scale` is exponentiated. `contrastive_loss` gives the same number, checked,
    in any precision and without holding the matrix where that is too large.
    Source: CLIP, figure 3 (arXiv 2103.00020). Chapter: 02_contrastive.
    """
    logits = logit_scale * image_features @ text_features.T
    labels = torch.arange(len(logits), device=logits.device)
    per_image = F.cross_entropy(logits, labels)
    per_text = F.cross_entropy(logits.T, labels)
    return (per_image + per_text) / 2


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
    multiplies 4 times, "triton" is the same in fused kernels for CUDA. "auto" is what
    `choose_implementation` says.

    `group`: the batch is spread over the ranks of a `torch.distributed` group, equally. Every rank returns
    the loss of the whole batch; its gradients are such that after averaging over ranks, which is what DDP
    does, those of parameters and of logit_scale equal the gradients of one process with the whole batch.

    `positives`: labels; pairs with equal labels count as each other's partners, and the target is spread over
    them evenly (UniCL). Without it, a paraphrase in the batch is pushed away from an image that it describes; of
    several equal captions with equal features, each pulls and pushes, which averages over their images.

    Raises `ValueError` for wrong shapes, an empty batch, values that are not finite, features that are not
    floating point, a bad `chunk_size` or `impl`; on all ranks, for anything of that on one rank, and for a shape,
    dtype, `impl`, `chunk_size` or presence of `positives` that differs among them.
    Source: CLIP, section 2.3 and figure 3 (arXiv 2103.00020); UniCL (arXiv 2204.03610); tiles:
    Inf-CL (arXiv 2410.17243). Chapter: 02_contrastive.
    """
    error = None
    try:
        x, y, scale = checked_pairs(image_features, text_features, {"logit_scale": logit_scale}, positives)
        chunk = checked_chunk(chunk_size) or tiles.TILE.get(x.device.type, 1024)
        _check_implementation(impl, x.device)
    except ValueError as refused:
        error = refused
    if group is not None:
        told = {
            "image_features' shape": list(image_features.shape),
            "the features' dtypes": [str(image_features.dtype), str(text_features.dtype)],
            "positives' dtype": None if positives is None else str(positives.dtype),
            "impl": impl,
            "chunk_size": str(chunk_size),
        }
        distributed.require_agreement(told, error, image_features.device, group)
    if error is not None:
        raise error
    if impl == "auto":
        impl = _choice_of_all(x, group)
    with torch.autocast(x.device.type, enabled=False):
        if impl == "dense":
            return _dense_contrastive(x, y, scale, positives, group)
        return _tiled_contrastive(x, y, scale, positives, group, impl, chunk)


def choose_implementation(
    rows: int, columns: int, device: str, *, triton_can: bool = False, free_bytes: int = 0, compiling: bool = False
) -> Literal["dense", "one_buffer", "chunked", "triton"]:
    """What "auto" takes for a similarity matrix [rows columns] on a device type.

    "dense" for a small one, and under `torch.compile` for what fits; then on CUDA "triton" where it can run: at
    4,096 pairs plain PyTorch was faster, at 16,384 "triton" (H100, dim 512). Elsewhere "one_buffer" while the
    matrix takes at most MATRIX_BUDGET bytes, or on CUDA a quarter of `free_bytes`, then "chunked".
    """
    if rows * columns < SMALL_MATRIX.get(device, SMALL_MATRIX["cpu"]):
        return "dense"
    fits = 4 * rows * columns <= (free_bytes // 4 if device == "cuda" else MATRIX_BUDGET)
    if compiling:
        return "dense" if fits else "chunked"
    if device == "cuda" and triton_can:
        return "triton"
    return "one_buffer" if fits else "chunked"


def _choice_of_all(x: Tensor, group: dist.ProcessGroup | None) -> str:
    """The choice for the whole group: that of the rank with the least memory, since collectives must match."""
    cuda = x.device.type == "cuda"
    known = {
        "free_bytes": torch.cuda.mem_get_info(x.device)[0] if cuda else 0,
        "triton_can": cuda and _triton_unavailable(x.device) is None,
        "compiling": torch.compiler.is_compiling(),
    }
    own = choose_implementation(len(x), len(x) * distributed.world(group)[1], x.device.type, **known)
    if group is None:
        return own
    return FRUGALITY[int(distributed.all_highest(torch.tensor(FRUGALITY.index(own), device=x.device), group))]


def _triton_unavailable(device: torch.device) -> str | None:
    """Why the Triton kernels cannot run on `device`; None if they can."""
    return _kernels("triton").unavailable(device) if TRITON_INSTALLED else "needs Triton, which is not installed"


def _check_implementation(impl: str, device: torch.device) -> None:
    if impl not in Implementation.__args__:
        raise ValueError(f"impl is {impl!r}, expected one of {Implementation.__args__}")
    if impl == "triton" and (reason := _triton_unavailable(device)):
        raise ValueError(f"impl is 'triton', which {reason}")


@torch.compiler.disable
def _tiled_contrastive(x, y, scale, labels, group, impl, chunk) -> Tensor:
    keep = impl == "one_buffer" and torch.is_grad_enabled()
    return TiledContrastive.apply(x, y, scale, labels, group, _kernels(impl), chunk, keep)


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


def _kernels(impl: str):
    if impl != "triton":
        return tiles
    from vlm_lib.kernels import triton_tiles  # Triton is not installed on every platform

    return triton_tiles
