"""The goals that were set before anything was measured, and whether a run reached them. Page of the book: bench.

A goal bounds one figure of one row: the speed-up over a reference, the reference's peak memory over ours, our own
peak in bytes, or our time over the limit. A CPU and a GPU have goals of their own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vlm_lib.bench.rows import BOTH, Row

FIGURES = {"speedup": "at least", "memory": "at least", "our_peak": "at most", "above_limit": "at most"}
VERDICTS = {True: "reached", False: "not reached", None: "not measured"}


@dataclass(frozen=True)
class Goal:
    """`figure` (a field of `rows.Row`, see FIGURES) of the row with these names shall reach `bound`."""

    group: str
    setting: str
    ours: str
    reference: str | None
    figure: str
    bound: float
    phase: str = BOTH

    def row_of(self, rows: Iterable[Row]) -> Row | None:
        """The row that the goal speaks of, if it was measured; a note behind the setting does not matter."""
        return next(
            (
                row
                for row in rows
                if (row.group, row.phase, row.ours, row.reference)
                == (self.group, self.phase, self.ours, self.reference)
                and row.setting.partition(" (")[0] == self.setting
            ),
            None,
        )

    def met(self, row: Row) -> bool | None:
        """Whether the row reaches the goal; None where its figure could not be measured."""
        value = getattr(row, self.figure)
        if value is None:
            return None
        return value >= self.bound if FIGURES[self.figure] == "at least" else value <= self.bound


def judged(rows: Iterable[Row], goals: Iterable[Goal] | None = None) -> Iterator[tuple[Goal, Row, bool | None]]:
    """Every goal (GOALS, if none are given) whose row was measured, with that row and whether it was reached."""
    rows = list(rows)
    for goal in GOALS if goals is None else goals:
        if row := goal.row_of(rows):
            yield goal, row, goal.met(row)


def _contrastive() -> Iterator[Goal]:
    for ours, batch, figure, bound in (
        ("one_buffer", 4096, "speedup", 1.9),
        ("one_buffer", 4096, "memory", 2),
        ("one_buffer", 8192, "speedup", 1.9),
        ("one_buffer", 8192, "memory", 2),
        ("chunked", 4096, "speedup", 1.5),
        ("chunked", 8192, "speedup", 1.7),
        ("chunked", 8192, "memory", 14),
        ("chunked", 16384, "speedup", 1.7),
        ("chunked", 16384, "memory", 30),
    ):
        yield Goal("contrastive", f"batch {batch}, dim 512", ours, "open_clip ClipLoss", figure, bound)
    yield Goal("contrastive", "batch 32768, dim 512", "chunked", None, "our_peak", 300e6)


def _attention() -> Iterator[Goal]:
    for part, reference, images, bound in (
        ("core", "SDPA, mask", 8, 7),
        ("core", "SDPA, mask", 32, 20),
        ("core", "open_flamingo einsum", 32, 50),
        ("module 512", "open_flamingo", 8, 3),
        ("module 512", "open_flamingo", 32, 7),
        ("module 512", "SDPA, mask", 1, 0.95),
    ):
        yield Goal("attention", f"{part}, 2048 x {images} images", "auto", reference, "speedup", bound)


def _pooling() -> Iterator[Goal]:
    for queries, bound in ((1, 9), (4, 6), (16, 3.5), (32, 2), (256, 1.2)):
        setting = f"{queries} queries, 256 tokens x 8"
        yield Goal("pooling", setting, "auto", "open_clip", "speedup", bound)


def _on_a_gpu() -> Iterator[Goal]:
    core, loss = "core, 64 x 2048 x 32 images, bfloat16", "batch 65536, dim 512"
    yield Goal("attention", core, "auto", "SDPA, mask", "above_limit", 1.5)
    yield Goal("attention", core, "auto", "flex", "speedup", 1)
    yield Goal("attention", core, "auto", "FlexAttention, mask given", "speedup", 1)
    yield Goal("contrastive", loss, "triton", "one_buffer", "speedup", 1)
    yield Goal("contrastive", loss, "triton", "one_buffer", "our_peak", 1e9)
    yield Goal("pooling", "1 queries, 256 tokens x 64, float32", "folded", "open_clip", "speedup", 5)


# The step in bfloat16 has no goal on a CPU: on two processors, one of them with bfloat16 instructions, it took
# 1.4 to 14 times as long as in float32.
CPU_GOALS = (*_contrastive(), *_attention(), *_pooling())
GPU_GOALS = tuple(_on_a_gpu())
GOALS = CPU_GOALS + GPU_GOALS
OF_DEVICE = {"cpu": CPU_GOALS, "cuda": GPU_GOALS}
