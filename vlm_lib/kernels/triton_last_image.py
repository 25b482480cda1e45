"""Last-image attention as two Triton kernels: one launch forward, one backward, and no byte is moved twice.

A position sees the tokens of one image, at most MOST, so its whole softmax fits on the chip: there is no
running maximum, no packing, no mask, and nothing that the CPU has to know. Forward, a program takes a block of
text and the consecutive images that it sees. Backward, a program takes an image and the run of text that sees it:
the gradient of the image's keys and values stays in registers, and no other program writes to these rows of the
query's gradient. Number 0 stands for "no image yet"; its program writes zeros. Scores and softmax are float32
whatever the inputs are. Chapter: 03_attention.
"""

import os
from collections.abc import Callable

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

MOST = {2: 128, 4: 64}  # tokens of an image and dimensions of a head, by bytes of a number: what the chip holds
# blocks of text and their launch; one stage: loads ahead of time would take the room of programs side by side
BACKWARD = {"ROWS": 64, "num_warps": 4, "num_stages": 1}
# by bytes of a number. Half precision does with fewer registers, and more programs fit on the chip (H100, 32
# images: 222 in place of 283 microseconds); with fewer still, or in the backward pass, they spill
FORWARD = {2: BACKWARD | {"maxnreg": 128}, 4: BACKWARD}
LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def _tile(base, stride, rows, columns, row_inside, column_inside):
    """base[rows, columns]; what is not inside counts as 0."""
    inside = row_inside[:, None] & column_inside[None, :]
    return tl.load(base + rows[:, None] * stride + columns[None, :], mask=inside, other=0.0)


# a text's length changes with every batch: no kernel is compiled for it
@triton.jit(do_not_specialize=["seq", "images", "tokens"])
def forward_kernel(
    q, k, v, phi, out, lse, suspect, scale, heads, seq, images, tokens, dim,
    q_batch, q_head, q_row, k_batch, k_head, k_image, k_row, v_batch, v_head, v_image, v_row,
    ROWS: tl.constexpr, TOKENS: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """out [batch seq heads dim] and lse [batch heads seq], the log2 of the softmax's denominator.

    Scores are taken times log2(e), since the chip knows 2^x and makes e^x of it.

    `suspect` becomes 1 if phi is no running count of images, or a number that was read, or a result, not finite.
    """
    start, example, head = (
        tl.program_id(0) * ROWS,
        (tl.program_id(1) // heads).to(tl.int64),
        tl.program_id(1) % heads,
    )
    row, columns, axis = tl.arange(0, ROWS), tl.arange(0, TOKENS), tl.arange(0, DIM)
    in_text, in_image, in_dim = row < seq - start, columns < tokens, axis < dim
    count = phi + example * seq + start
    number = tl.load(count + row, mask=in_text, other=0)
    before = tl.load(count + row - 1, mask=in_text & (start + row > 0), other=0)
    wrong = tl.where(in_text & ((number < before) | (number < 0) | (number > images)), 1, 0)
    here = _tile(
        q + example * q_batch + head * q_head + start * q_row.to(tl.int64), q_row, row, axis, in_text, in_dim
    )
    k += example * k_batch + head * k_head
    v += example * v_batch + head * v_head
    total = tl.zeros((ROWS,), dtype=tl.float32) + 1.0
    log_total = tl.full((ROWS,), float("inf"), dtype=tl.float32)
    summed = tl.zeros((ROWS, DIM), dtype=tl.float32)
    scores, in_bits = tl.zeros((ROWS,), dtype=tl.float32), scale * LOG2_E
    one = tl.full((), 1, tl.int64)  # offsets may exceed 32 bits
    first = tl.min(tl.where(number > 0, number, images + 1), axis=0)
    for image in range(first, tl.minimum(tl.max(number, axis=0), images) + 1):
        key = _tile(k + (image - one) * k_image, k_row, columns, axis, in_image, in_dim)
        value = _tile(v + (image - one) * v_image, v_row, columns, axis, in_image, in_dim)
        z = tl.dot(here, tl.trans(key), input_precision="tf32x3") * in_bits
        # a score of -inf leaves no trace in the result; a value that is not finite does, since 0 times it is NaN
        scores += tl.sum(z, axis=1)
        z = tl.where(in_image[None, :], z, float("-inf"))
        highest = tl.max(z, axis=1)
        sees = number == image
        e = tl.where(sees[:, None], tl.exp2(z - highest[:, None]), 0.0)
        of_row = tl.sum(e, axis=1)
        summed = tl.dot(e.to(value.dtype), value, summed, input_precision="tf32x3")
        total = tl.where(sees, of_row, total)
        log_total = tl.where(sees, highest + tl.log2(total), log_total)
    result = summed / total[:, None]
    bad = scores + tl.sum(result, axis=1)
    if first > images:  # nobody in this block sees an image: no score was taken of its queries
        bad += tl.sum(here.to(tl.float32), axis=1)
    wrong += tl.where(in_text & ~(tl.abs(bad) < float("inf")), 1, 0)
    if tl.max(wrong, axis=0) > 0:
        tl.store(suspect, 1)
    target = out + (example * seq + start) * heads * dim + head * dim
    tl.store(
        target + row[:, None] * (heads * dim) + axis[None, :], result, mask=in_text[:, None] & in_dim[None, :]
    )
    tl.store(lse + tl.program_id(1).to(tl.int64) * seq + start + row, log_total, mask=in_text)


@triton.jit(do_not_specialize=["seq", "images", "tokens"])
def backward_kernel(
    q, k, v, starts, out, lse, grad, grad_q, grad_k, grad_v, scale, heads, seq, images, tokens, dim,
    q_batch, q_head, q_row, k_batch, k_head, k_image, k_row, v_batch, v_head, v_image, v_row,
    ROWS: tl.constexpr, TOKENS: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """Gradients in memory [batch seq heads dim] and [batch images tokens heads dim]; `out` and `grad` as the
    first."""
    number = tl.program_id(0)
    example, head = (tl.program_id(1) // heads).to(tl.int64), tl.program_id(1) % heads
    row, columns, axis, width = tl.arange(0, ROWS), tl.arange(0, TOKENS), tl.arange(0, DIM), heads * dim
    in_dim, in_image = axis < dim, (columns < tokens) & (number > 0)
    begin = tl.load(starts + example * (images + 2) + number)
    end = tl.load(starts + example * (images + 2) + number + 1)
    image = tl.maximum(number - 1, 0).to(tl.int64)
    q += example * q_batch + head * q_head
    lse += tl.program_id(1).to(tl.int64) * seq
    key = _tile(k + example * k_batch + head * k_head + image * k_image, k_row, columns, axis, in_image, in_dim)
    value = _tile(v + example * v_batch + head * v_head + image * v_image, v_row, columns, axis, in_image, in_dim)
    sum_k, sum_v = tl.zeros((TOKENS, DIM), dtype=tl.float32), tl.zeros((TOKENS, DIM), dtype=tl.float32)
    for start in range(begin, end, ROWS):
        here = row < end - start
        at = (example * seq + start) * width + head * dim
        query = _tile(q + start * q_row.to(tl.int64), q_row, row, axis, here, in_dim)
        upstream = _tile(grad + at, width, row, axis, here, in_dim)
        result = _tile(out + at, width, row, axis, here, in_dim)
        log_total = tl.load(lse + start + row, mask=here, other=float("inf"))
        z = tl.dot(query, tl.trans(key), input_precision="tf32x3") * (scale * LOG2_E)
        weight = tl.where(in_image[None, :], tl.exp2(z - log_total[:, None]), 0.0)
        sum_v = tl.dot(tl.trans(weight.to(upstream.dtype)), upstream, sum_v, input_precision="tf32x3")
        mean = tl.sum(upstream.to(tl.float32) * result.to(tl.float32), axis=1)
        of_weight = tl.dot(upstream, tl.trans(value), input_precision="tf32x3")
        of_score = (weight * (of_weight - mean[:, None]) * scale).to(query.dtype)
        sum_k = tl.dot(tl.trans(of_score), query, sum_k, input_precision="tf32x3")
        of_query = tl.dot(of_score, key, input_precision="tf32x3")
        tl.store(
            grad_q + at + row[:, None] * width + axis[None, :], of_query, mask=here[:, None] & in_dim[None, :]
        )
    media = (example * images + image) * tokens * width + head * dim
    place = columns[:, None] * width + axis[None, :]
    tl.store(grad_k + media + place, sum_k, mask=in_image[:, None] & in_dim[None, :])
    tl.store(grad_v + media + place, sum_v, mask=in_image[:, None] & in_dim[None, :])


def unavailable(q: Tensor, k: Tensor) -> str | None:
    """Why the kernels cannot serve such tensors; None if they can."""
    interpreted = q.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"
    if q.device.type != "cuda" and not interpreted:
        return f"needs a CUDA device, q is on {q.device}"
    if interpreted and q.dtype == torch.bfloat16:
        return "needs a CUDA device for bfloat16, which Triton's interpreter multiplies wrongly"
    if q.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        return f"needs float32, float16 or bfloat16, q is {q.dtype}"
    most = MOST[q.element_size()]
    if max(k.shape[3:]) > most:
        return f"needs images and heads of at most {most} tokens and dimensions, k has shape {list(k.shape)}"
    return None


class _LastImage(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, phi, refuse):
        q, k, v = (t if t.stride(-1) == 1 else t.contiguous() for t in (q, k, v))
        phi = (phi if phi.dtype == torch.int64 else phi.to(torch.int32)).contiguous()
        batch, heads, seq, dim = q.shape
        out = q.new_empty(batch, seq, heads, dim)
        lse = q.new_empty(batch, heads, seq, dtype=torch.float32)
        sizes = heads, seq, *k.shape[2:4], dim
        suspect = torch.zeros(1, dtype=torch.int32, device=q.device)
        strides = *q.stride()[:3], *k.stride()[:4], *v.stride()[:4]
        tokens_block, dim_block = (max(16, triton.next_power_of_2(size)) for size in k.shape[3:])
        ctx.blocks = {"TOKENS": tokens_block, "DIM": dim_block}
        tensors = q, k, v, phi, out, lse, suspect
        launch = ctx.blocks | FORWARD[q.element_size()]
        grid = (triton.cdiv(seq, launch["ROWS"]), batch * heads)
        forward_kernel[grid](*tensors, dim**-0.5, *sizes, *strides, **launch)
        # what the backward pass needs besides is launched before the CPU waits
        numbers = torch.arange(k.shape[2] + 2, device=phi.device, dtype=phi.dtype).expand(batch, -1).contiguous()
        starts = torch.searchsorted(phi, numbers, out_int32=True)
        if suspect.item():
            refuse()
        ctx.save_for_backward(q, k, v, starts, out, lse)
        return out.transpose(1, 2)

    @staticmethod
    def backward(ctx, grad):
        return *_Gradients.apply(ctx.blocks, grad, *ctx.saved_tensors), None, None


class _Gradients(torch.autograd.Function):
    """The gradient of `_LastImage`: a function of its own, so that a second derivative is refused, not lost."""

    @staticmethod
    def forward(ctx, blocks, grad, q, k, v, starts, out, lse):
        batch, heads, seq, dim = q.shape
        images, tokens = k.shape[2:4]
        grad = grad.transpose(1, 2).contiguous()
        grad_q = torch.empty_like(out)
        grad_k, grad_v = (q.new_empty(batch, images, tokens, heads, dim) for _ in range(2))
        strides = *q.stride()[:3], *k.stride()[:4], *v.stride()[:4]
        tensors = q, k, v, starts, out, lse, grad, grad_q, grad_k, grad_v
        sizes = heads, seq, images, tokens, dim
        grid = (images + 1, batch * heads)
        backward_kernel[grid](*tensors, dim**-0.5, *sizes, *strides, **blocks, **BACKWARD)
        return grad_q.transpose(1, 2), *(t.permute(0, 3, 1, 2, 4) for t in (grad_k, grad_v))

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(
            "last_image_attention with impl='triton' is differentiable once; for a second derivative use "
            "impl='dense' under torch.nn.attention.sdpa_kernel(SDPBackend.MATH)"
        )


def triton_last_image_attention(
    q: Float[Tensor, "batch heads seq dim"],
    k: Float[Tensor, "batch heads images tokens dim"],
    v: Float[Tensor, "batch heads images tokens dim"],
    phi: Int[Tensor, "batch seq"],
    refuse: Callable[[], None],
) -> Float[Tensor, "batch heads seq dim"]:
    """See `attention.last_image_attention`. Differentiable once; a second derivative raises `RuntimeError`.

    The kernel looks at the values while it has them: reading everything once more to check it took three times as
    long as the attention (H100). What is left is that the CPU waits for the answer, and only then launches what
    follows. Where something is wrong `refuse` is called, which may raise.
    """
    return _LastImage.apply(q, k, v, phi, refuse)
