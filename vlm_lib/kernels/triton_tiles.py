"""`tiles` as two fused Triton kernels: the logits of the forward pass never leave the chip.

Forward: a program takes strips of rows and a share of the columns, multiplies a block at a time and updates two
running log-sum-exps, that of its rows in registers and its own copy of that of the columns; the copies, few of
them, are combined at the end. Backward: a kernel multiplies again and writes the weights of one tile, ready for
the two products with the features, which the vendor's library does best. Each direction has its own exponential,
hence its own shift: nothing can underflow.

Products run on the tensor cores and yet keep float32's accuracy. A number is split once into two float16 halves,
a = a' + a'', which together hold 22 bits, and a b = a' b' + a' b'' + a'' b' (a'' b'' is 2^-22 of it): three
products, each at over ten times the speed of a float32 one on an H100. TF32, the usual short cut, keeps 10 bits of
a factor, off by up to 0.1 in a logit of 100. Source: Ootomo and Yokota, arXiv 2203.03341.
"""

import os
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from vlm_lib.kernels.tiles import blocks

BLOCK = {"BLOCK_ROWS": 128, "BLOCK_COLUMNS": 128, "BLOCK_DIM": 64}
LAUNCH = {"num_warps": 8, "num_stages": 3}
INTERPRETED = {"BLOCK_ROWS": 64, "BLOCK_COLUMNS": 64, "BLOCK_DIM": 32}
WEIGHT_UNIT = tl.constexpr(4096.0)  # weights are at most 2; so scaled, one of 1e-10 still counts in float16


def unavailable(device: torch.device) -> str | None:
    """Why the kernels cannot run on `device`; None if they can."""
    if device.type == "cuda":
        enough = torch.cuda.get_device_capability(device) >= (8, 0)
        return None if enough else "needs a GPU of compute capability 8.0 or later"
    interpreted = device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"
    return None if interpreted else f"needs a CUDA device, the features are on {device}"


@triton.jit
def block_logits(
    x, x_rest, y, y_rest, scale, rows, columns, n, m, dim,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, BLOCK_DIM: tl.constexpr,
):  # fmt: skip
    """scale * x[rows] y[columns]^T; rows and columns beyond the end count as zero vectors."""
    z = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), dtype=tl.float32)
    for start in range(0, dim, BLOCK_DIM):
        axis = start + tl.arange(0, BLOCK_DIM)
        a_inside = (rows < n)[:, None] & (axis < dim)[None, :]
        b_inside = (columns < m)[None, :] & (axis < dim)[:, None]
        a_place = rows.to(tl.int64)[:, None] * dim + axis[None, :]
        b_place = columns.to(tl.int64)[None, :] * dim + axis[:, None]
        a = tl.load(x + a_place, mask=a_inside, other=0.0)
        b = tl.load(y + b_place, mask=b_inside, other=0.0)
        part = tl.dot(a, tl.load(y_rest + b_place, mask=b_inside, other=0.0))
        part = tl.dot(tl.load(x_rest + a_place, mask=a_inside, other=0.0), b, part)
        # tensor cores cut off what they add, always towards 0: few additions there, and the sum of all outside
        z += tl.dot(a, b, part)
    return z * tl.load(scale)


@triton.jit
def log_sum_exps_kernel(
    x, x_rest, y, y_rest, scale, row, column, n, m, dim, share,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, BLOCK_DIM: tl.constexpr,
):  # fmt: skip
    """Each program fills its part of a line of `row` [shares n] and of `column` [programs m], which starts at
    -inf."""
    own_column = column + tl.program_id(0).to(tl.int64) * m
    own_row = row + tl.program_id(1).to(tl.int64) * n
    begin, end = tl.program_id(1) * share, tl.minimum((tl.program_id(1) + 1) * share, m)
    for first in range(tl.program_id(0) * BLOCK_ROWS, n, tl.num_programs(0) * BLOCK_ROWS):
        rows = first + tl.arange(0, BLOCK_ROWS)
        highest = tl.full((BLOCK_ROWS,), float("-inf"), dtype=tl.float32)
        total = tl.zeros((BLOCK_ROWS,), dtype=tl.float32)
        for start in range(begin, end, BLOCK_COLUMNS):
            columns = start + tl.arange(0, BLOCK_COLUMNS)
            z = block_logits(
                x, x_rest, y, y_rest, scale, rows, columns, n, m, dim, BLOCK_ROWS, BLOCK_COLUMNS, BLOCK_DIM
            )

            z_row = tl.where((columns < end)[None, :], z, float("-inf"))
            higher = tl.maximum(highest, tl.max(z_row, axis=1))
            total = total * tl.exp(highest - higher) + tl.sum(tl.exp(z_row - higher[:, None]), axis=1)
            highest = higher

            z_column = tl.where((rows < n)[:, None], z, float("-inf"))
            top = tl.max(z_column, axis=0)
            new = top + tl.log(tl.sum(tl.exp(z_column - top[None, :]), axis=0))
            old = tl.load(own_column + columns, mask=columns < end, other=float("-inf"))
            top = tl.maximum(old, new)
            new = top + tl.log(tl.exp(old - top) + tl.exp(new - top))
            tl.store(own_column + columns, new, mask=columns < end)
        tl.store(own_row + rows, highest + tl.log(total), mask=rows < n)
        tl.debug_barrier()  # the next strip reads what other threads of this program stored in `own_column`


@triton.jit
def weights_kernel(
    x, x_rest, y, y_rest, scale, row, column, weights, weights_rest, n, m, dim,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, BLOCK_DIM: tl.constexpr,
):  # fmt: skip
    """weights + weights_rest [n m] = exp(z - row) + exp(z - column), in WEIGHT_UNIT."""
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    columns = tl.program_id(1) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)
    z = block_logits(x, x_rest, y, y_rest, scale, rows, columns, n, m, dim, BLOCK_ROWS, BLOCK_COLUMNS, BLOCK_DIM)
    r = tl.load(row + rows, mask=rows < n, other=0.0)
    c = tl.load(column + columns, mask=columns < m, other=0.0)
    w = (tl.exp(z - r[:, None]) + tl.exp(z - c[None, :])) * WEIGHT_UNIT
    half = w.to(weights.dtype.element_ty)
    inside = (rows < n)[:, None] & (columns < m)[None, :]
    place = rows.to(tl.int64)[:, None] * m + columns[None, :]
    tl.store(weights + place, half, mask=inside)
    tl.store(weights_rest + place, (w - half.to(tl.float32)).to(half.dtype), mask=inside)


class Halves(NamedTuple):
    """A matrix as unit * (half + rest)."""

    half: Float[Tensor, "rows dim"]
    rest: Float[Tensor, "rows dim"]
    unit: Float[Tensor, ""]

    def rows(self, which: slice) -> "Halves":
        return Halves(self.half[which], self.rest[which], self.unit)


def _halves(t: Float[Tensor, "rows dim"]) -> Halves:
    """The unit is a power of two that brings all values to at most 1, the range where float16 is at its best."""
    t = t.to(torch.float32)
    unit = t.abs().amax().clamp(min=1e-30).log2().ceil().exp2()
    t = (t / unit).contiguous()
    half = t.to(torch.float16)
    return Halves(half, (t - half).to(torch.float16), unit)


def _product(a: tuple[Tensor, Tensor], b: Halves) -> Float[Tensor, "rows columns"]:
    """(a' + a'') b in float32; `a` are weights in their unit."""

    def multiply(left: Tensor, right: Tensor) -> Tensor:
        if left.device.type == "cuda":
            return torch.mm(left, right, out_dtype=torch.float32)
        return left.to(torch.float32) @ right.to(torch.float32)

    total = multiply(a[0], b.half).add_(multiply(a[0], b.rest)).add_(multiply(a[1], b.half))
    return total.mul_(b.unit / WEIGHT_UNIT.value)


def _grid(rows: int, columns: int, device: torch.device) -> tuple[int, int, int]:
    """Programs for strips of rows, shares of the columns, and columns a share: enough to occupy the device."""
    strips = triton.cdiv(rows, BLOCK["BLOCK_ROWS"])
    if device.type != "cuda":
        return min(3, strips), 2, triton.cdiv(columns, 2)
    processors = torch.cuda.get_device_properties(device).multi_processor_count
    programs = min(strips, processors)
    shares = max(1, min(processors // programs, triton.cdiv(columns, 4 * BLOCK["BLOCK_COLUMNS"])))
    return programs, shares, triton.cdiv(columns, shares)


def log_sum_exps(
    x: Float[Tensor, "rows dim"], y: Float[Tensor, "columns dim"], scale: Tensor, chunk: int, logits: None = None
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"]]:
    """As `tiles.log_sum_exps`, in one kernel whatever `chunk` is; keeps no logits."""
    programs, shares, share = _grid(len(x), len(y), x.device)
    row = x.new_empty((shares, len(x)), dtype=torch.float32)
    column = x.new_full((programs, len(y)), -torch.inf, dtype=torch.float32)
    sizes = len(x), len(y), x.shape[1], share
    a, b = _halves(x), _halves(y)
    tensors = a.half, a.rest, b.half, b.rest, scale.to(torch.float32) * a.unit * b.unit, row, column
    log_sum_exps_kernel[(programs, shares)](*tensors, *sizes, **_launch(x.device))
    return row.logsumexp(0), column.logsumexp(0)


def _launch(device: torch.device) -> dict[str, int]:
    return BLOCK | LAUNCH if device.type == "cuda" else INTERPRETED


def gradients(
    x: Float[Tensor, "rows dim"],
    y: Float[Tensor, "columns dim"],
    scale: Tensor,
    row: Float[Tensor, " rows"],
    column: Float[Tensor, " columns"],
    chunk: int,
    logits: None = None,
) -> tuple[Float[Tensor, "rows dim"], Float[Tensor, "columns dim"]]:
    """As `tiles.gradients`."""
    launch, row, column = _launch(x.device), row.to(torch.float32), column.to(torch.float32)
    x_halves, y_halves = _halves(x), _halves(y)
    scale = scale.to(torch.float32) * x_halves.unit * y_halves.unit
    dx, dy = torch.zeros_like(x), torch.zeros_like(y)
    height, width = min(chunk, len(x)), min(2 * chunk, len(y))
    scratch = x_halves.half.new_empty(2, height * width)
    for i in blocks(len(x), height):
        a = x_halves.rows(i)
        for j in blocks(len(y), width):
            b, n, m = y_halves.rows(j), i.stop - i.start, j.stop - j.start
            w, w_rest = (part[: n * m].view(n, m) for part in scratch)
            grid = triton.cdiv(n, launch["BLOCK_ROWS"]), triton.cdiv(m, launch["BLOCK_COLUMNS"])
            tensors = a.half, a.rest, b.half, b.rest, scale, row[i], column[j], w, w_rest
            weights_kernel[grid](*tensors, n, m, x.shape[1], **launch)
            dx[i] += _product((w, w_rest), b)
            dy[j] += _product((w.T, w_rest.T), a)
    return dx, dy
