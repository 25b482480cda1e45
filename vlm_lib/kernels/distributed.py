"""What the contrastive loss asks of `torch.distributed`: agreement, gathering, and sums over ranks.

A `group` of `None` is one process: everything is then the identity, and no collective runs.
"""

import hashlib

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor


def world(group: dist.ProcessGroup | None) -> tuple[int, int]:
    """This process's rank in the group and the group's size."""
    return (0, 1) if group is None else (dist.get_rank(group), dist.get_world_size(group))


def require_agreement(
    told: dict[str, object], error: ValueError | None, device: torch.device, group: dist.ProcessGroup
) -> None:
    """Raise on every rank if one of them has an `error` of its own, or if what they `told` of the call differs.

    A rank that raised alone, or went on to another collective, would leave the others waiting for ever. The first
    collective has a fixed size: a digest a value, so that ranks which disagree can still talk about it.
    """
    digests = [int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:7], "big") for value in told.values()]
    status = torch.tensor([[int(error is None), *digests]], device=device)
    fine, *columns = all_gather(status, group).T.tolist()
    if error is not None:
        raise error
    if bad := [rank for rank, is_fine in enumerate(fine) if not is_fine]:
        raise ValueError(f"ranks {bad} of group were given arguments that this function refuses")
    for name, column in zip(told, columns, strict=True):
        if len(set(column)) > 1:  # known to every rank, so that all go on to the next collective
            everyone = [None] * len(column)
            dist.all_gather_object(everyone, told[name], group)
            raise ValueError(f"{name} on the ranks of group: {everyone}, expected the same on all")


def all_gather(
    tensor: Float[Tensor, "batch ..."], group: dist.ProcessGroup | None
) -> Float[Tensor, "world*batch ..."]:
    """The tensors of all ranks, in rank order, without gradient."""
    if group is None:
        return tensor
    everyone = [torch.empty_like(tensor) for _ in range(dist.get_world_size(group))]
    dist.all_gather(everyone, tensor.contiguous(), group)
    return torch.cat(everyone)


def all_sum(tensor: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """The sum over ranks, in place."""
    if group is not None:
        dist.all_reduce(tensor, dist.ReduceOp.SUM, group)
    return tensor


def all_highest(tensor: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The largest over ranks, in place."""
    dist.all_reduce(tensor, dist.ReduceOp.MAX, group)
    return tensor


def all_log_sum_exp(tensor: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """log of the sum over ranks of exp(tensor), entry by entry."""
    if group is None:
        return tensor
    highest = all_highest(tensor.clone(), group)
    return all_sum((tensor - highest).exp_(), group).log_() + highest


def own_sum(
    tensor: Float[Tensor, "world*batch dim"], group: dist.ProcessGroup | None
) -> Float[Tensor, "batch dim"]:
    """This rank's rows of the sum over ranks: the adjoint of `all_gather`."""
    if group is None:
        return tensor
    size = dist.get_world_size(group)
    own = tensor.new_empty(len(tensor) // size, *tensor.shape[1:])
    dist.reduce_scatter(own, list(tensor.contiguous().chunk(size)), dist.ReduceOp.SUM, group)
    return own


class GatherWithGradient(torch.autograd.Function):
    """`all_gather` with a gradient, any number of times: its adjoint is `OwnSum`, whose adjoint it is."""

    @staticmethod
    def forward(ctx, tensor, group):
        ctx.group = group
        return all_gather(tensor, group)

    @staticmethod
    def backward(ctx, gradient):
        return OwnSum.apply(gradient, ctx.group), None


class OwnSum(torch.autograd.Function):
    """`own_sum` with a gradient."""

    @staticmethod
    def forward(ctx, tensor, group):
        ctx.group = group
        return own_sum(tensor, group)

    @staticmethod
    def backward(ctx, gradient):
        return GatherWithGradient.apply(gradient, ctx.group), None
