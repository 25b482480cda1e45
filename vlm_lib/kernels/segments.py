"""Last-image attention as small dense attentions: no mask, and no product with an image that is not attended to.

phi never decreases along the text, so the tokens that see one image form one contiguous run. Cost and memory
are those of `seq x tokens` scores, however many images there are. Chapter: 03_attention, 34_flamingo.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

# scores of a block (512 kB in float32) stay in a core's cache between the product, the softmax and the next
# product: one block for a whole run of 2048 positions took 1.3 times as long
SCORES_PER_BLOCK = 2**17


class Block(NamedTuple):
    """Consecutive positions of one example that see the same image."""

    example: int
    image: int  # from 0
    start: int
    end: int
    first: bool  # of its image: gradients of k and v start here


def runs(phi: Int[Tensor, "batch seq"]) -> list[list[tuple[int, int, int]]]:
    """For each example the runs of text as (phi, start, end); an empty text has none."""
    batch, seq = phi.shape
    if seq == 0:
        return [[] for _ in range(batch)]
    changes = (phi[:, 1:] != phi[:, :-1]).nonzero().tolist()
    starts = [[0] for _ in range(batch)]
    for example, position in changes:
        starts[example].append(position + 1)
    found = []
    for row, begins in zip(phi, starts, strict=True):
        found.append(list(zip(row[begins].tolist(), begins, [*begins[1:], seq], strict=True)))
    return found


def blocks_of(runs_of_batch: list[list[tuple[int, int, int]]], rows: int) -> list[Block]:
    """Cut the runs that see an image into blocks of at most `rows` positions."""
    return [
        Block(example, image - 1, at, min(at + rows, end), at == start)
        for example, runs_of_one in enumerate(runs_of_batch)
        for image, start, end in runs_of_one
        if image > 0
        for at in range(start, end, rows)
    ]


def _zeros_before_first_image(like: Tensor, runs_of_batch: list[list[tuple[int, int, int]]]) -> Tensor:
    """Room for every position, 0 where none sees an image; the blocks fill the rest.

    Memory is laid out [batch seq heads dim], the order in which the projections around it work.
    """
    batch, heads, seq, dim = like.shape
    room = like.new_empty(batch, seq, heads, dim).transpose(1, 2)
    for example, runs_of_one in enumerate(runs_of_batch):
        for image, start, end in runs_of_one:
            if image == 0:
                room[example, :, start:end] = 0
    return room


def _zeros_for_unseen_images(like: Tensor, blocks: list[Block]) -> Tensor:
    """Room for every image, 0 where no text sees it; memory laid out [batch images tokens heads dim]."""
    batch, heads, images, tokens, dim = like.shape
    room = like.new_empty(batch, images, tokens, heads, dim).permute(0, 3, 1, 2, 4)
    seen = {(block.example, block.image) for block in blocks}
    for example in range(batch):
        for image in range(images):
            if (example, image) not in seen:
                room[example, :, image] = 0
    return room


class _Gradients(torch.autograd.Function):
    """The gradient of `_Segments`: a function of its own, so that a second derivative is refused, not lost."""

    @staticmethod
    def forward(ctx, plan, grad_out, q, k, v, weights):
        runs_of_batch, blocks, rows = plan
        heads, tokens, dim = q.shape[1], k.shape[3], q.shape[3]
        scale, used = dim**-0.5, 0
        grad_q = _zeros_before_first_image(q, runs_of_batch)
        grad_k, grad_v = (_zeros_for_unseen_images(t, blocks) for t in (k, v))
        room_weight, room_scores = (q.new_empty(rows * heads * tokens) for _ in range(2))
        room_q = q.new_empty(rows * heads * dim)
        image_k, image_v = (q.new_empty(heads, tokens, dim) for _ in range(2))
        with torch.autocast(q.device.type, enabled=False):
            for example, image, start, end, first in blocks:
                shape = heads, end - start, tokens
                size = shape[0] * shape[1] * shape[2]
                weight, used = weights[used : used + size].view(shape), used + size
                grad = grad_out[example, :, start:end]
                grad_weight = room_weight[:size].view(shape)
                torch.bmm(grad, v[example, :, image].transpose(1, 2), out=grad_weight)
                # softmax's own fused backward: weight * (grad_weight - sum(weight * grad_weight))
                grad_scores = room_scores[:size].view(shape)
                torch._softmax_backward_data(grad_weight, weight, -1, weight.dtype, grad_input=grad_scores)
                here = room_q[: heads * shape[1] * dim].view(heads, shape[1], dim)
                torch.baddbmm(here, grad_scores, k[example, :, image], beta=0, alpha=scale, out=here)
                grad_q[example, :, start:end] = here
                kept = 0 if first else 1  # an image seen by several blocks sums their gradients
                image_v.baddbmm_(weight.transpose(1, 2), grad, beta=kept)
                image_k.baddbmm_(grad_scores.transpose(1, 2), q[example, :, start:end], beta=kept, alpha=scale)
                grad_k[example, :, image], grad_v[example, :, image] = image_k, image_v
        return grad_q, grad_k, grad_v

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(
            "last_image_attention with impl='segments' is differentiable once; for a second derivative use "
            "impl='dense' under torch.nn.attention.sdpa_kernel(SDPBackend.MATH)"
        )


class _Segments(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, phi):
        heads, tokens, dim = q.shape[1], k.shape[3], q.shape[3]
        scale, used = dim**-0.5, 0
        rows = max(1, SCORES_PER_BLOCK // max(1, heads * tokens))
        runs_of_batch = runs(phi)
        blocks = blocks_of(runs_of_batch, rows)
        rows = max((block.end - block.start for block in blocks), default=0)
        out = _zeros_before_first_image(q, runs_of_batch)
        weights = q.new_empty(sum(block.end - block.start for block in blocks) * heads * tokens)
        room_scores, room_out = q.new_empty(rows * heads * tokens), q.new_empty(rows * heads * dim)
        for example, image, start, end, _ in blocks:
            shape = heads, end - start, tokens
            size = shape[0] * shape[1] * shape[2]
            weight, used = weights[used : used + size].view(shape), used + size
            scores = room_scores[:size].view(shape)
            keys = k[example, :, image].transpose(1, 2)
            torch.baddbmm(scores, q[example, :, start:end], keys, beta=0, alpha=scale, out=scores)
            torch.softmax(scores, dim=-1, out=weight)
            here = room_out[: heads * shape[1] * dim].view(heads, shape[1], dim)
            out[example, :, start:end] = torch.bmm(weight, v[example, :, image], out=here)
        ctx.plan = runs_of_batch, blocks, rows
        ctx.save_for_backward(q, k, v, weights)
        return out

    @staticmethod
    def backward(ctx, grad_out):
        return *_Gradients.apply(ctx.plan, grad_out, *ctx.saved_tensors), None


def segments_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    phi: Int[Tensor, "batch seq"],
) -> Float[Tensor, "batch heads seq dim"]:
    """See `attention.last_image_attention`. Differentiable once; a second derivative raises `RuntimeError`."""
    device = q.device.type
    if not torch.is_autocast_enabled(device):
        return _Segments.apply(q, k, v, phi)
    # under autocast compute in the low precision throughout, as fused attention does: the operators' own rules
    # would mix the two inside
    dtype = torch.get_autocast_dtype(device)
    q, k, v = (t.to(dtype) if t.dtype == torch.float32 else t for t in (q, k, v))
    with torch.autocast(device, enabled=False):
        return _Segments.apply(q, k, v, phi)
