"""Row and column log-sum-exp of a similarity matrix, tile by tile, and their gradients.

With z = scale * x y^T, the contrastive loss needs r_i = log sum_j exp(z_ij) and c_j = log sum_i exp(z_ij);
the gradient of sum(r) + sum(c) with respect to z is w_ij = exp(z_ij - r_i) + exp(z_ij - c_j). One product of
x and y serves both directions. A tile is forgotten once it is summed ("chunked": the backward multiplies
again, memory is linear in the batch) or kept in one buffer ("one_buffer": it does not). Running sums: Milakov
and Gimelshein, arXiv 1805.02867.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

# exp underflows in float32 near -87. Sharing one exponential between a row and a column needs one shift for
# both: the weakest entry that matters may then lie this far below the shift, and e^-27 of its value is still
# represented.
SAFE_SPREAD = 60.0
TILE = {"cpu": 512, "cuda": 4096}


def accumulator_dtype(device: torch.device) -> torch.dtype:
    """Running log-sum-exps are thin, so they are kept in float64 where the device has it (Apple's has
    not)."""
    return torch.float32 if device.type == "mps" else torch.float64


def blocks(size: int, chunk: int) -> Iterator[slice]:
    """Consecutive slices of at most `chunk` that cover range(size)."""
    return (slice(start, min(start + chunk, size)) for start in range(0, size, chunk))


@dataclass(frozen=True)
class TileBuffer:
    """Contiguous storage for tiles: one for each (a matrix), or the same memory for all of them (scratch).

    A tile is contiguous because a window of a large matrix has rows a power of two apart, which fight for the
    same cache lines. Reusing memory matters too: fresh pages cost more than the arithmetic on them.
    """

    storage: Tensor
    columns: int
    is_matrix: bool

    @staticmethod
    def matrix(like: Tensor, rows: int, columns: int) -> "TileBuffer":
        """Room for every tile of a [rows columns] matrix, of the dtype and device of `like`."""
        return TileBuffer(like.new_empty(rows * columns), columns, is_matrix=True)

    @staticmethod
    def scratch(like: Tensor, chunk: int) -> "TileBuffer":
        """Room for one tile."""
        return TileBuffer(like.new_empty(chunk * chunk), 0, is_matrix=False)

    def tile(self, i: slice, j: slice) -> Float[Tensor, "rows columns"]:
        """The memory of tile (i, j)."""
        height, width = i.stop - i.start, j.stop - j.start
        start = i.start * self.columns + height * j.start if self.is_matrix else 0
        return self.storage[start : start + height * width].view(height, width)


def _tile_log_sum_exps(z: Tensor, scratch: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    low, high = torch.aminmax(z)
    if float(high - low) > SAFE_SPREAD:
        return torch.logsumexp(z, dim=1).to(dtype), torch.logsumexp(z, dim=0).to(dtype)
    e = torch.sub(z, high, out=scratch).exp_()
    return e.sum(1).to(dtype).log_() + high, e.sum(0).to(dtype).log_() + high


def log_sum_exps(
    x: Float[Tensor, "rows dim"],
    y: Float[Tensor, "columns dim"],
    scale: Tensor,
    chunk: int,
    logits: TileBuffer | None = None,
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"]]:
    """log sum_j exp(z_ij) for every row and log sum_i exp(z_ij) for every column; z is kept in `logits`, if
    given."""
    dtype = accumulator_dtype(x.device)
    row = x.new_full((len(x),), -torch.inf, dtype=dtype)
    column = x.new_full((len(y),), -torch.inf, dtype=dtype)
    scratch = TileBuffer.scratch(x, chunk)
    for i in blocks(len(x), chunk):
        scaled = x[i] * scale
        for j in blocks(len(y), chunk):
            z = torch.mm(scaled, y[j].T, out=(logits or scratch).tile(i, j))
            tile_row, tile_column = _tile_log_sum_exps(z, scratch.tile(i, j), dtype)
            row[i] = torch.logaddexp(row[i], tile_row)
            column[j] = torch.logaddexp(column[j], tile_column)
    return row, column


def gradients(
    x: Float[Tensor, "rows dim"],
    y: Float[Tensor, "columns dim"],
    scale: Tensor,
    row: Float[Tensor, " rows"],
    column: Float[Tensor, " columns"],
    chunk: int,
    logits: TileBuffer | None = None,
) -> tuple[Float[Tensor, "rows dim"], Float[Tensor, "columns dim"]]:
    """w y and w^T x: the gradients of sum(row) + sum(column) but for the factor `scale`.

    `logits` are the tiles that `log_sum_exps` kept, or `None` to multiply again.
    """
    dx, dy = torch.zeros_like(x), torch.zeros_like(y)
    # one shift, rounded before it is used on either side: exp(z - shift) * exp(shift - lse) = exp(z - lse)
    shift = torch.maximum(row.amax(), column.amax()).to(x.dtype)
    one_exp = float(shift - torch.minimum(row.amin(), column.amin())) <= SAFE_SPREAD
    row_factor, column_factor = ((shift - lse).exp().to(x.dtype) for lse in (row, column))
    row, column = row.to(x.dtype), column.to(x.dtype)
    weights, factors = TileBuffer.scratch(x, chunk), TileBuffer.scratch(x, chunk)
    for i in blocks(len(x), chunk):
        scaled = x[i] * scale
        for j in blocks(len(y), chunk):
            w, f = weights.tile(i, j), factors.tile(i, j)
            z = logits.tile(i, j) if logits else torch.mm(scaled, y[j].T, out=w)
            if one_exp:
                torch.add(row_factor[i, None], column_factor[j], out=f)
                torch.sub(z, shift, out=w).exp_().mul_(f)
            else:
                torch.sub(z, row[i, None], out=f).exp_()
                torch.sub(z, column[j], out=w).exp_().add_(f)
            dx[i].addmm_(w, y[j])
            dy[j].addmm_(w.T, x[i])
    return dx, dy
