"""Training on several datasets at once: all of them in every update, or one after the other.

Flamingo sums the datasets' weighted gradients before each update ("accumulated") and reports that this beats
taking the datasets in turn ("round_robin"). M datasets cost M batches an update in the first and one in the
second, so the two can be compared at equal updates or at equal examples; `plan` makes either. Source:
Flamingo, section 2.4 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lib.checks import check_at_least, check_one_of
from vlm_lib.training.fit import Weighted

KINDS = ("accumulated", "round_robin")
EQUAL = ("updates", "examples")


@dataclass(frozen=True)
class Mixture:
    """M datasets: `batches[m](step)` is dataset m's batch number `step`, `weights[m]` its lambda_m.

    Raises: ValueError unless there is at least one dataset, and one positive, finite weight each.
    """

    batches: Sequence[Callable[[int], Any]]
    weights: Sequence[float]

    def __post_init__(self):
        if not self.batches or len(self.batches) != len(self.weights):
            raise ValueError(
                f"weights: got {len(self.weights)} for {len(self.batches)} datasets, expected one each"
            )
        if not all(0 < weight < math.inf for weight in self.weights):
            raise ValueError(f"weights: got {list(self.weights)}, expected positive numbers")

    def accumulated(self, step: int) -> Weighted:
        """Update `step`: batch number `step` of every dataset, weighted."""
        return Weighted(tuple(batch(step) for batch in self.batches), tuple(self.weights))

    def round_robin(self, step: int) -> Weighted:
        """Update `step`: the next batch of dataset `step` mod M alone, with that dataset's weight.

        M updates in a row see the batches of one accumulated update, with the same weights.
        """
        turn, dataset = divmod(step, len(self.batches))
        return Weighted((self.batches[dataset](turn),), (self.weights[dataset],))

    def plan(self, kind: str, updates: int, *, equal: str = "updates") -> tuple[Callable[[int], Weighted], int]:
        """`(batches, steps)` for `training.fit`, to stand beside `updates` accumulated updates.

        equal: "updates" gives both kinds as many updates (round robin sees 1/M of the examples); "examples"
        gives both as many examples (round robin makes M times the updates). Raises: ValueError for an unknown
        kind or equal.
        """
        check_one_of("kind", kind, KINDS)
        check_one_of("equal", equal, EQUAL)
        updates = check_at_least("updates", updates, 1)
        if kind == "accumulated":
            return self.accumulated, updates
        return self.round_robin, updates * (len(self.batches) if equal == "examples" else 1)
