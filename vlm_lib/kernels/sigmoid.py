"""The sigmoid loss over tiles of the similarity matrix. Chapter: 02_contrastive.

No sum ties the entries of the matrix to one another, so the gradient of a tile is known as soon as the tile
is: the forward pass accumulates it, and memory is linear in the batch at the same number of products as the
plain form.
"""

import torch
from torch import Tensor

from vlm_lib.kernels.once import once_differentiable
from vlm_lib.kernels.tiles import TileBuffer, accumulator_dtype, blocks


def positive_pairs(labels: Tensor | None, i: slice, j: slice, device: torch.device) -> Tensor:
    """Which entries of tile (i, j) are pairs: the diagonal of the matrix, or equal labels."""
    if labels is not None:
        return labels[i, None] == labels[j]
    return torch.arange(i.start, i.stop, device=device)[:, None] == torch.arange(j.start, j.stop, device=device)


class TiledSigmoid(torch.autograd.Function):
    """sum_ij softplus(-z_ij (scale x_i . y_j + bias)) / batch, where z is 1 for pairs and -1 otherwise; the
    gradient is prepared if it is `wanted`."""

    @staticmethod
    def forward(ctx, x, y, scale, bias, labels, chunk, wanted):
        total = x.new_zeros((), dtype=accumulator_dtype(x.device))
        dbias = torch.zeros_like(total)
        dx, dy = (torch.zeros_like(t) if wanted else None for t in (x, y))
        scratch = TileBuffer.scratch(x, chunk)
        for i in blocks(len(x), chunk):
            scaled = x[i] * scale
            for j in blocks(len(y), chunk):
                t = torch.mm(scaled, y[j].T, out=scratch.tile(i, j)).add_(bias)
                # away from the diagonal there are no pairs, unless labels say so
                pairs = positive_pairs(labels, i, j, x.device) if labels is not None or i == j else None
                if pairs is not None:
                    t = torch.where(pairs, -t, t)
                total += torch.nn.functional.softplus(t).sum()
                if wanted:
                    t = t.sigmoid_()
                    if pairs is not None:
                        t = torch.where(pairs, -t, t)
                    dbias += t.sum()
                    dx[i].addmm_(t, y[j])
                    dy[j].addmm_(t.T, x[i])
        if wanted:
            ctx.save_for_backward(x, y, scale, bias, dx, dy, dbias.to(bias.dtype).view_as(bias))
        return (total / len(x)).to(x.dtype)

    @staticmethod
    @once_differentiable("without chunk_size it can be")
    def backward(ctx, gradient):
        x, _, scale, _, dx, dy, dbias = ctx.saved_tensors
        share = gradient / len(x)
        dscale = torch.einsum("nd,nd->n", dx, x).sum().view_as(scale) * share
        return dx * (share * scale), dy * (share * scale), dscale, dbias * share, None, None, None
