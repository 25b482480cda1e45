"""Time and peak memory of several implementations of one computation, measured side by side.

Rounds are interleaved (A B C, A B C, ...) so that a busy moment of the machine hits all of them, and the
median of the rounds is kept. On CPU the clock is process CPU time: wall clock on a shared machine measures
the neighbours.
"""

import contextlib
import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

FORWARD, BOTH = "forward", "forward+backward"


@dataclass(frozen=True)
class Work:
    """What a computation cannot avoid: `operations` (floating-point; a multiplication and its addition are
    two) and `traffic` (bytes of tensors too large for the cache that are read or written)."""

    operations: float
    traffic: float = 0.0


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
    references: Sequence[Candidate]
    repeats: int = 5


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
    reference: str
    speedup: float
    slowest: float
    fastest: float
    limit: float | None
    operations: float | None
    memory: float | None
    our_seconds: float
    reference_seconds: float
    our_peak: int | None
    reference_peak: int | None


def differentiated(
    call: Callable[[], Tensor], leaves: Sequence[Tensor], gradient: Tensor | None = None
) -> dict[str, Callable[[], object]]:
    """The two phases of a differentiable call: it alone (recording its graph), and with gradients of
    `leaves`.

    `gradient` is the gradient with respect to the output, needed where the output is not a scalar.
    """
    return {FORWARD: call, BOTH: lambda: torch.autograd.grad(call(), leaves, gradient)}


def clock(device: torch.device) -> float:
    """Seconds so far: CPU time of this process, or wall time once a CUDA device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def seconds_of(call: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds of one call, averaged over `times` calls in a row."""
    start = clock(device)
    for _ in range(times):
        call()
    return (clock(device) - start) / times


def _calls_a_sample(call: Callable[[], object], device: torch.device, shortest: float) -> int:
    """How many calls make a sample of at least `shortest` seconds; warms up on the way."""
    once = seconds_of(call, 1, device)
    if once < shortest:
        once = seconds_of(call, 1, device)
    return max(1, round(shortest / max(once, 1e-7)))


def interleaved(
    calls: dict[str, Callable[[], object]], device: torch.device, repeats: int, shortest: float = 0.05
) -> dict[str, list[float]]:
    """Seconds of every call in `repeats` rounds, each round going once through all the calls."""
    times = {name: _calls_a_sample(call, device, shortest) for name, call in calls.items()}
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            rounds[name].append(seconds_of(call, times[name], device))
    return rounds


def _status_bytes(key: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key + ":"))


def peak_bytes(call: Callable[[], object], device: torch.device) -> int | None:
    """Memory that `call` needs at its worst moment beyond what was held before it.

    CUDA counts its own allocations. On Linux the kernel's high-water mark of resident memory is reset first,
    after freed blocks were handed back, since reusing them would hide them. `None` where neither exists.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
    except OSError:
        return None
    before = _status_bytes("VmRSS")
    call()
    return _status_bytes("VmHWM") - before


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run on one CPU thread, so that CPU time is the time an idle core would need."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def roofs(device: torch.device) -> dict[str, tuple[float, Callable[[], object]]]:
    """The fastest that the device multiplies and copies: the amount of work of a call, and the call."""
    size = 4096 if device.type == "cuda" else 1024
    a, b, product = (torch.ones(size, size, device=device) for _ in range(3))
    source, target = (torch.ones(size * size * 16, device=device) for _ in range(2))
    return {
        "operations a second": (2.0 * size**3, lambda: torch.mm(a, b, out=product)),
        "bytes a second": (2.0 * source.nbytes, lambda: target.copy_(source)),
    }


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _row(comparison: Comparison, phase: str, ours: Candidate, reference: Candidate, seconds, peaks, roof) -> Row:
    by_round = [r / o for o, r in zip(seconds[ours.name], seconds[reference.name], strict=True)]
    median = {c.name: statistics.median(seconds[c.name]) for c in (ours, reference)}
    mine, theirs = (c.work.get(phase) for c in (ours, reference))
    least = (
        max(mine.operations / roof["operations a second"], mine.traffic / roof["bytes a second"]) if mine else None
    )
    return Row(
        group=comparison.group,
        setting=comparison.setting,
        phase=phase,
        ours=ours.name,
        reference=reference.name,
        speedup=median[reference.name] / median[ours.name],
        slowest=min(by_round),
        fastest=max(by_round),
        limit=_ratio(median[reference.name], least),
        operations=theirs.operations / mine.operations if mine and theirs else None,
        memory=_ratio(peaks[reference.name], peaks[ours.name]),
        our_seconds=median[ours.name],
        reference_seconds=median[reference.name],
        our_peak=peaks[ours.name],
        reference_peak=peaks[reference.name],
    )


def compare(comparison: Comparison, device: torch.device) -> list[Row]:
    """Measure one comparison: a row for each phase, each of ours and each reference."""
    candidates = [*comparison.ours, *comparison.references]
    plain = roofs(device)
    rows = []
    with one_thread():
        for phase in candidates[0].phases:
            calls = {c.name: c.phases[phase] for c in candidates}
            roof_calls = {name: call for name, (_, call) in plain.items()}
            seconds = interleaved(calls | roof_calls, device, comparison.repeats)
            roof = {name: amount / statistics.median(seconds[name]) for name, (amount, _) in plain.items()}
            peaks = {name: peak_bytes(call, device) for name, call in calls.items()}
            rows += [
                _row(comparison, phase, ours, reference, seconds, peaks, roof)
                for ours in comparison.ours
                for reference in comparison.references
            ]
    return rows
