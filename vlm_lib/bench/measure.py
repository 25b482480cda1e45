"""Clocks, memory marks and roofs: how `harness` measures. On CPU the clock is process CPU time, because wall
clock on a shared machine measures the neighbours; on CUDA it is the device's own."""

import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch


def device_name(device: torch.device) -> str:
    """The name of the processor or GPU, as its maker writes it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def seconds_of(call: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds of one call, averaged over `times` calls in a row."""
    if device.type == "cuda":
        return _seconds_between_events(call, times, device)
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def _seconds_between_events(call: Callable[[], object], times: int, device: torch.device) -> float:
    """The device's clock around each call, whose inputs come from memory: the L2 cache is overwritten first."""
    other = torch.empty(
        4 * torch.cuda.get_device_properties(device).L2_cache_size, dtype=torch.int8, device=device
    )
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(times)]
    for before, after in events:
        other.zero_()
        before.record()
        call()
        after.record()
    torch.cuda.synchronize(device)
    return statistics.median(before.elapsed_time(after) for before, after in events) / 1e3


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


def roofs(
    device: torch.device, dtypes: Sequence[torch.dtype] = (torch.float32,)
) -> dict[str, tuple[float, Callable[[], object]]]:
    """The fastest that the device multiplies in each dtype, and copies: the amount of a call's work, and the call.

    The numbers are random: products of equal ones draw less power, and so run faster than real ones.
    """
    size = 8192 if device.type == "cuda" else 1024

    def product(dtype: torch.dtype) -> tuple[float, Callable[[], object]]:
        a, b, out = (torch.randn(size, size, device=device).to(dtype) for _ in range(3))
        return 2.0 * size**3, lambda: torch.mm(a, b, out=out)

    source, target = (torch.randn(2**24 if device.type == "cpu" else 2**28, device=device) for _ in range(2))
    copy = 2.0 * source.nbytes, lambda: target.copy_(source)
    return {str(dtype): product(dtype) for dtype in dtypes} | {"bytes a second": copy}
