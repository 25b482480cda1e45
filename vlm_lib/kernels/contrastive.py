"""The contrastive loss with a gradient of its own, over tiles of the similarity matrix. Chapter:
02_contrastive.

loss = mean_i (r_i + c_i) / 2 - mean_i scale x_i . p_i, where r and c are the log-sum-exps of row i and column
i and p_i is the partner of x_i: its own caption, or the mean of all captions with its label. The second term
is thin.

Over a group, a rank holds its own rows x and gathers all columns y. Its row sums are complete, its column
sums are combined over ranks; so is the gradient of y. The similarity matrix is computed once, in strips, over
all ranks together; gathering images as well as texts, as is usual, computes it twice.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.kernels import distributed
from vlm_lib.kernels.once import once_differentiable
from vlm_lib.kernels.tiles import TileBuffer


class Partners:
    """The linear map from columns to the partners of this rank's rows, and its adjoint."""

    def __init__(self, labels: Int[Tensor, " batch"] | None, batch: int, group: dist.ProcessGroup | None):
        self.own = slice(distributed.world(group)[0] * batch, (distributed.world(group)[0] + 1) * batch)
        self.of_column = None
        if labels is not None:
            everyone = distributed.all_gather(labels, group)
            _, self.of_column, self.count = everyone.unique(return_inverse=True, return_counts=True)

    def _group_means(self, features: Tensor, group_of: Tensor) -> Tensor:
        sums = features.new_zeros(len(self.count), features.shape[1]).index_add_(0, group_of, features)
        return sums / self.count[:, None]

    def of_rows(self, y: Float[Tensor, "columns dim"]) -> Float[Tensor, "rows dim"]:
        """p_i for every row of this rank."""
        if self.of_column is None:
            return y[self.own]
        return self._group_means(y, self.of_column)[self.of_column[self.own]]

    def subtract_adjoint(self, dy: Float[Tensor, "columns dim"], x: Float[Tensor, "rows dim"]) -> None:
        """dy -= 2 d(sum_i x_i . p_i) / dy, in place."""
        if self.of_column is None:
            dy[self.own].sub_(x, alpha=2)
        else:
            dy.sub_(self._group_means(x, self.of_column[self.own])[self.of_column], alpha=2)


class TiledContrastive(torch.autograd.Function):
    """The loss over the whole group, the same number on every rank; once differentiable.

    `kernels` is the module that does the work on tiles of edge `chunk`: `tiles`, or `triton_tiles`. With
    `keep` the logits are written down for the backward.
    """

    @staticmethod
    def forward(ctx, x, y, scale, labels, group, kernels, chunk, keep):
        columns = distributed.all_gather(y, group)
        partners = Partners(labels, len(x), group)
        logits = TileBuffer.matrix(x, len(x), len(columns)) if keep else None
        row, column = kernels.log_sum_exps(x, columns, scale, chunk, logits)
        column = distributed.all_log_sum_exp(column, group)
        agreement = torch.einsum("nd,nd->n", x, partners.of_rows(columns)).to(row.dtype) * scale
        total = distributed.all_sum((row - 2 * agreement).sum(), group) + column.sum()
        ctx.save_for_backward(x, columns, scale, row, column, logits.storage if keep else None)
        ctx.options = partners, group, kernels, chunk
        return (total / (2 * len(columns))).to(x.dtype)

    @staticmethod
    @once_differentiable('impl="dense" can be')
    def backward(ctx, gradient):
        x, columns, scale, row, column, kept = ctx.saved_tensors
        partners, group, kernels, chunk = ctx.options
        logits = None if kept is None else TileBuffer(kept, len(columns), is_matrix=True)
        dx, dy = kernels.gradients(x, columns, scale, row, column, chunk, logits)
        dx.sub_(partners.of_rows(columns), alpha=2)
        partners.subtract_adjoint(dy, x)
        dy = distributed.own_sum(dy, group)
        # a mean over the 2 * world * batch terms, times `world` because DDP will average over ranks
        share = gradient / (2 * len(x))
        dscale = torch.einsum("nd,nd->n", dx, x).sum() * share
        return dx.mul_(share * scale), dy.mul_(share * scale), dscale.view_as(scale), *[None] * 5
