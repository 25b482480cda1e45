"""One line of a benchmark's report, as it is printed, written to JSON and read back by the book's page."""

from dataclasses import dataclass

FORWARD, BOTH = "forward", "forward+backward"


@dataclass(frozen=True)
class Row:
    """One line of the report. `speedup` is reference time / our time, `memory` reference peak / our peak;
    `slowest` and `fastest` are the extremes of the speed-up over the rounds; seconds are medians, peaks
    bytes.

    `operations` is the reference's count over ours. `limit` is the speed-up over the measured reference that
    our counts would allow at the speed of a plain matrix product and of a plain copy, both timed in the same
    rounds.
    """

    group: str
    setting: str
    phase: str
    ours: str
    reference: str | None
    speedup: float | None
    slowest: float | None
    fastest: float | None
    limit: float | None
    operations: float | None
    memory: float | None
    our_seconds: float
    reference_seconds: float | None
    our_peak: int | None
    reference_peak: int | None

    @property
    def above_limit(self) -> float | None:
        """Our time over the least that our counts allow at the measured speeds."""
        return self.limit / self.speedup if self.limit is not None and self.speedup else None
