"""Last-image attention as one small dense attention per image: no mask, no copy of q, k or v.

phi never decreases along the text, so the tokens that see one image form one contiguous run. Cost and memory
are those of `seq x tokens` scores, however many images there are. Chapter: 03_attention, 34_flamingo.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

Run = tuple[int, int, int, int]  # example, image (from 0), first position, end position


def runs(phi: Int[Tensor, "batch seq"]) -> list[Run]:
    """The runs of text that see an image; positions with phi == 0 belong to none."""
    found = []
    for example, row in enumerate(phi.tolist()):
        start = 0
        for position in range(1, len(row) + 1):
            if position == len(row) or row[position] != row[start]:
                if row[start] > 0:
                    found.append((example, row[start] - 1, start, position))
                start = position
    return found


class _Gradients(torch.autograd.Function):
    """The gradient of `_Segments`: a function of its own, so that a second derivative is refused, not lost."""

    @staticmethod
    def forward(ctx, segments, grad_out, q, k, v, *weights):
        scale = q.shape[-1] ** -0.5
        grad_q, grad_k, grad_v = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        with torch.autocast(q.device.type, enabled=False):
            for (example, image, start, end), weight in zip(segments, weights, strict=True):
                grad = grad_out[example, :, start:end]
                grad_v[example, :, image] = torch.bmm(weight.transpose(1, 2), grad)
                grad_weight = torch.bmm(grad, v[example, :, image].transpose(1, 2))
                # softmax's own fused backward: weight * (grad_weight - sum(weight * grad_weight))
                grad_scores = torch._softmax_backward_data(grad_weight, weight, -1, weight.dtype).mul_(scale)
                grad_q[example, :, start:end] = torch.bmm(grad_scores, k[example, :, image])
                grad_k[example, :, image] = torch.bmm(grad_scores.transpose(1, 2), q[example, :, start:end])
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
        # memory laid out as [batch seq heads dim], the order in which a projection after it reads
        out = q.new_zeros(q.shape[0], q.shape[2], q.shape[1], q.shape[3]).transpose(1, 2)
        scale = q.shape[-1] ** -0.5
        segments, weights = runs(phi), []
        for example, image, start, end in segments:
            scores = torch.bmm(q[example, :, start:end] * scale, k[example, :, image].transpose(1, 2))
            weight = torch.softmax(scores, dim=-1)
            out[example, :, start:end] = torch.bmm(weight, v[example, :, image])
            weights.append(weight)
        ctx.segments = segments
        ctx.save_for_backward(q, k, v, *weights)
        return out

    @staticmethod
    def backward(ctx, grad_out):
        return *_Gradients.apply(ctx.segments, grad_out, *ctx.saved_tensors), None


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
