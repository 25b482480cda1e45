"""Clocks, memory marks and roofs: how `harness` measures. On CPU the clock is process CPU time, because wall
clock on a shared machine measures the neighbours."""

import contextlib
import ctypes
import gc
import time
from collections.abc import Callable, Iterator

import torch


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


def roofs(
    device: torch.device, dtype: torch.dtype = torch.float32
) -> dict[str, tuple[float, Callable[[], object]]]:
    """The fastest that the device multiplies and copies: the amount of work of a call, and the call."""
    size = 4096 if device.type == "cuda" else 1024
    a, b, product = (torch.ones(size, size, device=device) for _ in range(3))
    source, target = (torch.ones(size * size * 16, device=device) for _ in range(2))
    return {
        "operations a second": (2.0 * size**3, lambda: torch.mm(a, b, out=product)),
        "bytes a second": (2.0 * source.nbytes, lambda: target.copy_(source)),
    }
