"""The sigmoid loss of SigLIP: every image and text are asked on their own. Chapter: 02_contrastive."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.kernels.sigmoid import TiledSigmoid, positive_pairs
from vlm_lib.losses.inputs import checked_chunk, checked_pairs


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
    x, y, scale, bias = checked_pairs(image_features, text_features, scalars, positives)
    with torch.autocast(x.device.type, enabled=False):
        if chunk_size is not None:
            return _tiled_sigmoid(x, y, scale, bias, positives, checked_chunk(chunk_size))
        logits = scale * x @ y.T + bias
        everything = slice(0, len(x))
        pairs = positive_pairs(positives, everything, everything, x.device)
        return F.softplus(torch.where(pairs, -logits, logits)).sum() / len(x)


@torch.compiler.disable
def _tiled_sigmoid(x, y, scale, bias, labels, chunk) -> Tensor:
    wanted = torch.is_grad_enabled() and any(t.requires_grad for t in (x, y, scale, bias))
    return TiledSigmoid.apply(x, y, scale, bias, labels, chunk, wanted)
