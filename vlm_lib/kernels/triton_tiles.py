"""`tiles` as two fused Triton kernels: the logits of the forward pass never leave the chip.

Forward: a program takes strips of rows, multiplies a block at a time and updates two running log-sum-exps,
that of its rows in registers and its own copy of that of the columns; the copies, one per program and so few,
are combined at the end. Backward: a kernel multiplies again and writes the weights of one tile, ready for the
two products with the features, which the vendor's library does best. Products are in full float32: TF32 keeps
10 bits of a factor, off by up to 0.1 in a logit of 100. Each direction has its own exponential, hence its own
shift: nothing can underflow.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from vlm_lib.kernels.tiles import TileBuffer, accumulator_dtype, blocks

BLOCK = {"BLOCK_ROWS": 64, "BLOCK_COLUMNS": 64, "BLOCK_DIM": 32}


@triton.jit
def block_logits(
    x,
    y,
    scale,
    rows,
    columns,
    n,
    m,
    dim,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
    BLOCK_DIM: tl.constexpr,
):
    """scale * x[rows] y[columns]^T; rows and columns beyond the end count as zero vectors."""
    z = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), dtype=tl.float32)
    for start in range(0, dim, BLOCK_DIM):
        axis = start + tl.arange(0, BLOCK_DIM)
        a_inside = (rows < n)[:, None] & (axis < dim)[None, :]
        b_inside = (columns < m)[None, :] & (axis < dim)[:, None]
        a = tl.load(x + rows.to(tl.int64)[:, None] * dim + axis[None, :], mask=a_inside, other=0.0)
        b = tl.load(y + columns.to(tl.int64)[None, :] * dim + axis[:, None], mask=b_inside, other=0.0)
        z = tl.dot(a, b, z, input_precision="ieee")
    return z * tl.load(scale)


@triton.jit
def log_sum_exps_kernel(
    x, y, scale, row, column, n, m, dim,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, BLOCK_DIM: tl.constexpr,
):  # fmt: skip
    """Fill `row` [n] and, for each program, its line of `column` [programs m], which starts at -inf."""
    own_column = column + tl.program_id(0).to(tl.int64) * m
    for first in range(tl.program_id(0) * BLOCK_ROWS, n, tl.num_programs(0) * BLOCK_ROWS):
        rows = first + tl.arange(0, BLOCK_ROWS)
        highest = tl.full((BLOCK_ROWS,), float("-inf"), dtype=tl.float32)
        total = tl.zeros((BLOCK_ROWS,), dtype=tl.float32)
        for start in range(0, m, BLOCK_COLUMNS):
            columns = start + tl.arange(0, BLOCK_COLUMNS)
            z = block_logits(x, y, scale, rows, columns, n, m, dim, BLOCK_ROWS, BLOCK_COLUMNS, BLOCK_DIM)

            z_row = tl.where((columns < m)[None, :], z, float("-inf"))
            higher = tl.maximum(highest, tl.max(z_row, axis=1))
            total = total * tl.exp(highest - higher) + tl.sum(tl.exp(z_row - higher[:, None]), axis=1)
            highest = higher

            z_column = tl.where((rows < n)[:, None], z, float("-inf"))
            top = tl.max(z_column, axis=0)
            new = top + tl.log(tl.sum(tl.exp(z_column - top[None, :]), axis=0))
            old = tl.load(own_column + columns, mask=columns < m, other=float("-inf"))
            top = tl.maximum(old, new)
            new = top + tl.log(tl.exp(old - top) + tl.exp(new - top))
            tl.store(own_column + columns, new, mask=columns < m)
        tl.store(row + rows, highest + tl.log(total), mask=rows < n)
        tl.debug_barrier()  # the next strip reads what other threads of this program stored in `own_column`


@triton.jit
def weights_kernel(
    x, y, scale, row, column, weights, n, m, dim,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, BLOCK_DIM: tl.constexpr,
):  # fmt: skip
    """weights [n m] = exp(z - row) + exp(z - column)."""
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    columns = tl.program_id(1) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)
    z = block_logits(x, y, scale, rows, columns, n, m, dim, BLOCK_ROWS, BLOCK_COLUMNS, BLOCK_DIM)
    r = tl.load(row + rows, mask=rows < n, other=0.0)
    c = tl.load(column + columns, mask=columns < m, other=0.0)
    w = tl.exp(z - r[:, None]) + tl.exp(z - c[None, :])
    inside = (rows < n)[:, None] & (columns < m)[None, :]
    tl.store(weights + rows.to(tl.int64)[:, None] * m + columns[None, :], w, mask=inside)


def _programs(rows: int, device: torch.device) -> int:
    """Two for each multiprocessor, or as many as there are strips of rows; three where Triton is
    interpreted."""
    limit = 2 * torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 3
    return min(triton.cdiv(rows, BLOCK["BLOCK_ROWS"]), limit)


def log_sum_exps(
    x: Float[Tensor, "rows dim"], y: Float[Tensor, "columns dim"], scale: Tensor, chunk: int, logits: None = None
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"]]:
    """As `tiles.log_sum_exps`, in one kernel whatever `chunk` is; keeps no logits."""
    x, y, scale = x.contiguous(), y.contiguous(), scale.to(x)
    programs = _programs(len(x), x.device)
    row = x.new_empty(len(x))
    column = x.new_full((programs, len(y)), -torch.inf)
    log_sum_exps_kernel[(programs,)](x, y, scale, row, column, len(x), len(y), x.shape[1], **BLOCK)
    dtype = accumulator_dtype(x.device)
    return row.to(dtype), column.to(dtype).logsumexp(0)


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
    x, y, scale = x.contiguous(), y.contiguous(), scale.to(x)
    row, column = row.to(x.dtype), column.to(x.dtype)
    dx, dy = torch.zeros_like(x), torch.zeros_like(y)
    scratch = TileBuffer.scratch(x, chunk)
    for i in blocks(len(x), chunk):
        for j in blocks(len(y), chunk):
            w = scratch.tile(i, j)
            grid = (triton.cdiv(w.shape[0], BLOCK["BLOCK_ROWS"]), triton.cdiv(w.shape[1], BLOCK["BLOCK_COLUMNS"]))
            weights_kernel[grid](x[i], y[j], scale, row[i], column[j], w, *w.shape, x.shape[1], **BLOCK)
            dx[i].addmm_(w, y[j])
            dy[j].addmm_(w.T, x[i])
    return dx, dy
