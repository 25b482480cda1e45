"""Time and peak memory of several implementations of one computation, measured side by side.

Rounds are interleaved (A B C, A B C, ...) so that a busy moment of the machine hits all of them, and the
median of the rounds is kept. On CPU the clock is process CPU time: wall clock on a shared machine measures
the neighbours.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from vlm_lib.bench.measure import interleaved, peak_bytes, roofs
from vlm_lib.bench.rows import BOTH, FORWARD, Row
from vlm_lib.training.threads import one_thread


@dataclass(frozen=True)
class Work:
    """What a computation cannot avoid: `operations` (floating-point; a multiplication and its addition are
    two), done in `dtype`, and `traffic` (bytes of tensors too large for the cache that are read or written)."""

    operations: float
    traffic: float = 0.0
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Candidate:
    """One implementation: per phase ("forward", "forward+backward", "step") a call and the work it
    implies."""

    name: str
    phases: dict[str, Callable[[], object]]
    work: dict[str, Work] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Implementations of one computation on one input. Each of `ours` is compared with each of
    `references`."""

    group: str
    setting: str
    ours: Sequence[Candidate]
    references: Sequence[Candidate] = ()
    repeats: int = 5


def differentiated(
    call: Callable[[], Tensor], leaves: Sequence[Tensor], gradient: Tensor | None = None
) -> dict[str, Callable[[], object]]:
    """The two phases of a differentiable call: it alone (recording its graph), and with gradients of
    `leaves`.

    `gradient` is the gradient with respect to the output, needed where the output is not a scalar.
    """
    return {FORWARD: call, BOTH: lambda: torch.autograd.grad(call(), leaves, gradient)}


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _alone(comparison: Comparison, phase: str, ours: Candidate, seconds, peaks) -> Row:
    """The row of an implementation that nothing is compared with."""
    known = {"our_seconds": statistics.median(seconds[ours.name]), "our_peak": peaks[ours.name]}
    unknown = dict.fromkeys(f.name for f in fields(Row))
    named = {"group": comparison.group, "setting": comparison.setting, "phase": phase, "ours": ours.name}
    return Row(**unknown | named | known)


def _against(alone: Row, ours: Candidate, reference: Candidate, seconds, peaks, roof) -> Row:
    """`alone` completed by what a reference adds."""
    by_round = [r / o for o, r in zip(seconds[ours.name], seconds[reference.name], strict=True)]
    theirs = statistics.median(seconds[reference.name])
    our_work, their_work = (c.work.get(alone.phase) for c in (ours, reference))
    least = None
    if our_work:
        by_operations = our_work.operations / roof[str(our_work.dtype)]
        least = max(by_operations, our_work.traffic / roof["bytes a second"])
    return replace(
        alone,
        reference=reference.name,
        speedup=theirs / alone.our_seconds,
        slowest=min(by_round),
        fastest=max(by_round),
        limit=_ratio(theirs, least),
        operations=their_work.operations / our_work.operations if our_work and their_work else None,
        memory=_ratio(peaks[reference.name], alone.our_peak),
        reference_seconds=theirs,
        reference_peak=peaks[reference.name],
    )


def compare(comparison: Comparison, device: torch.device) -> list[Row]:
    """Measure one comparison: a row for each phase, each of ours and each reference (or one alone)."""
    candidates = [*comparison.ours, *comparison.references]
    plain = roofs(device, sorted({work.dtype for c in comparison.ours for work in c.work.values()}, key=str))
    rows = []
    with one_thread():
        for phase in candidates[0].phases:
            calls = {c.name: c.phases[phase] for c in candidates}
            roof_calls = {name: call for name, (_, call) in plain.items()}
            seconds = interleaved(calls | roof_calls, device, comparison.repeats)
            roof = {name: amount / statistics.median(seconds[name]) for name, (amount, _) in plain.items()}
            peaks = {name: peak_bytes(call, device) for name, call in calls.items()}
            for ours in comparison.ours:
                alone = _alone(comparison, phase, ours, seconds, peaks)
                others = [reference for reference in comparison.references if reference.name != ours.name]
                compared = [_against(alone, ours, r, seconds, peaks, roof) for r in others]
                rows += compared or [alone]
    return rows
