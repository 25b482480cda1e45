"""Last-image attention as small dense attentions: no mask, and no product with an image that is not attended to.

phi never decreases along the text, so the tokens that see one image form one contiguous run. Cost and memory
are those of `seq x tokens` scores, however many images there are. Chapter: 03_attention, 34_flamingo.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

# scores of a piece (512 kB in float32) stay in a core's cache between the product, the softmax and the next
# product: a run of 2048 positions in one piece took 1.3 times as long
SCORES_PER_PIECE = 2**17


class Piece(NamedTuple):
    """Consecutive positions of one example that see the same image."""

    length: int
    image: int  # from 1; 0: none yet
    first: bool  # of its image


Plan = list[list[Piece]]  # the pieces of each example, in order, cover its text


def plan_of(phi: Int[Tensor, "batch seq"], longest: int) -> Plan:
    """Cut each text where its image changes, and what sees an image into pieces of at most `longest`."""
    plan: Plan = []
    for row in phi.cpu().numpy():
        begins = [0, *(np.flatnonzero(row[1:] != row[:-1]) + 1).tolist()]
        plan.append([])
        for start, end in zip(begins, [*begins[1:], len(row)], strict=True):
            image = int(row[start])
            step = longest if image else end - start
            plan[-1] += [Piece(min(step, end - at), image, at == start) for at in range(start, end, step)]
    return plan


def _flat(plan: Plan) -> list[tuple[int, Piece]]:
    """(example, piece) of the whole batch."""
    return [(example, piece) for example, pieces in enumerate(plan) for piece in pieces]


def _cut(text: Float[Tensor, "batch heads seq dim"], plan: Plan) -> list[Float[Tensor, "heads length dim"]]:
    """Views of the pieces of the whole batch, in the order of `_flat`."""
    lengths = [[piece.length for piece in pieces] for pieces in plan]
    return [view for one, sizes in zip(text, lengths, strict=True) for view in one.split(sizes, dim=1)]


def _images(media: Float[Tensor, "batch heads images tokens dim"]) -> list[list[Tensor]]:
    """Views of the images: [example][image - 1]."""
    return [list(one.unbind(1)) for one in media]


def _rooms(like: Tensor, plan: Plan, *shape: int) -> dict[int, Float[Tensor, "heads length size"]]:
    """One piece of scratch memory for all pieces, as a view for each length of a piece that sees an image."""
    heads, size = shape
    lengths = {piece.length for _, piece in _flat(plan) if piece.image}
    scratch = like.new_empty(heads * max(lengths, default=0) * size)
    return {n: scratch[: heads * n * size].view(heads, n, size) for n in lengths}


def _empty_text(like: Float[Tensor, "batch heads seq dim"]) -> Float[Tensor, "batch heads seq dim"]:
    """In memory [batch seq heads dim], the order in which the projections before and after work."""
    batch, heads, seq, dim = like.shape
    return like.new_empty(batch, seq, heads, dim).transpose(1, 2)


def _empty_media(like: Float[Tensor, "batch heads images tokens dim"]) -> Tensor:
    """In memory [batch images tokens heads dim], for the same reason."""
    batch, heads, images, tokens, dim = like.shape
    return like.new_empty(batch, images, tokens, heads, dim).permute(0, 3, 1, 2, 4)


class _Gradients(torch.autograd.Function):
    """The gradient of `_Segments`: a function of its own, so that a second derivative is refused, not lost."""

    @staticmethod
    def forward(ctx, plan, grad_out, q, k, v, *weights):
        heads, tokens, dim = q.shape[1], k.shape[3], q.shape[3]
        scale, grad_q = dim**-0.5, _empty_text(q)
        grad_k, grad_v = _empty_media(k), _empty_media(v)
        keys, values_t, images_grad_k, images_grad_v = map(_images, (k, v.transpose(3, 4), grad_k, grad_v))
        rooms_weight, rooms_scores = (_rooms(q, plan, heads, tokens) for _ in range(2))
        rooms_q = _rooms(q, plan, heads, dim)
        sum_k, sum_v = (q.new_empty(heads, tokens, dim) for _ in range(2))
        texts = (_cut(text, plan) for text in (q, grad_out, grad_q))
        for (example, piece), weight, here_q, grad, here_grad_q in zip(_flat(plan), weights, *texts, strict=True):
            if piece.image == 0:
                here_grad_q.zero_()
                continue
            image = piece.image - 1
            grad_weight = torch.bmm(grad, values_t[example][image], out=rooms_weight[piece.length])
            grad_scores = rooms_scores[piece.length]
            # softmax's own fused backward: weight * (grad_weight - sum(weight * grad_weight))
            torch._softmax_backward_data(grad_weight, weight, -1, weight.dtype, grad_input=grad_scores)
            room = rooms_q[piece.length]
            torch.baddbmm(room, grad_scores, keys[example][image], beta=0, alpha=scale, out=room)
            here_grad_q.copy_(room)
            kept = 0 if piece.first else 1  # an image seen by several pieces sums their gradients
            sum_v.baddbmm_(weight.transpose(1, 2), grad, beta=kept)
            sum_k.baddbmm_(grad_scores.transpose(1, 2), here_q, beta=kept, alpha=scale)
            images_grad_k[example][image].copy_(sum_k)
            images_grad_v[example][image].copy_(sum_v)
        for example, pieces in enumerate(plan):
            for image in set(range(k.shape[2])) - {piece.image - 1 for piece in pieces}:  # no text sees it
                images_grad_k[example][image].zero_()
                images_grad_v[example][image].zero_()
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
        plan = plan_of(phi, max(1, SCORES_PER_PIECE // (heads * tokens)))
        # scratch is shared by all pieces, and weights are one allocation: fresh memory costs as much as a product
        sizes = [piece.length * heads * tokens if piece.image else 0 for _, piece in _flat(plan)]
        weights = [w.view(heads, -1, tokens) if len(w) else w for w in q.new_empty(sum(sizes)).split(sizes)]
        rooms_scores, rooms_out = _rooms(q, plan, heads, tokens), _rooms(q, plan, heads, dim)
        keys_t, values = _images(k.transpose(3, 4)), _images(v)
        out = _empty_text(q)
        texts = _cut(q, plan), _cut(out, plan)
        for (example, piece), weight, here_q, here_out in zip(_flat(plan), weights, *texts, strict=True):
            if piece.image == 0:
                here_out.zero_()
                continue
            image, scores = piece.image - 1, rooms_scores[piece.length]
            torch.baddbmm(scores, here_q, keys_t[example][image], beta=0, alpha=dim**-0.5, out=scores)
            torch.softmax(scores, dim=-1, out=weight)
            here_out.copy_(torch.bmm(weight, values[example][image], out=rooms_out[piece.length]))
        ctx.plan = plan
        ctx.save_for_backward(q, k, v, *weights)
        return out

    @staticmethod
    def backward(ctx, grad_out):
        with torch.autocast(grad_out.device.type, enabled=False):
            return *_Gradients.apply(ctx.plan, grad_out, *ctx.saved_tensors), None


def segments_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    phi: Int[Tensor, "batch seq"],
) -> Float[Tensor, "batch heads seq dim"]:
    """See `attention.last_image_attention`. Differentiable once; a second derivative raises `RuntimeError`.

    Inputs in half precision, or under autocast, are multiplied in float32, as fused attention does inside: a score
    rounded to bfloat16 is off by up to 2^-9 of itself, which the exponential turns into as large an error.
    """
    device, dtype = q.device.type, q.dtype
    if torch.is_autocast_enabled(device) and dtype == torch.float32:
        dtype = torch.get_autocast_dtype(device)
        q, k, v = (t.to(dtype) for t in (q, k, v))
    wide = torch.promote_types(dtype, torch.float32)
    with torch.autocast(device, enabled=False):
        return _Segments.apply(q.to(wide), k.to(wide), v.to(wide), phi).to(dtype)
