"""The arithmetic a training step runs in: float32, or bfloat16 under autocast."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

PRECISIONS = ("float32", "bfloat16")


@contextlib.contextmanager
def arithmetic(precision: str, device: torch.device) -> Iterator[None]:
    """Autocast to bfloat16, on a CPU with attention as plain matrix products.

    The fused CPU kernel's backward in bfloat16 takes several times its float32 time and would eat the gain.
    """
    if precision == "float32":
        yield
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.autocast(device.type, dtype=torch.bfloat16))
        if device.type == "cpu":
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            stack.callback(
                torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp,
                torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed(),
            )
            torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)  # despite its name, the CPU obeys it too
        yield


def warn_if_slow(device: torch.device) -> None:
    """Say so where bfloat16 is emulated: there it costs many times float32, and saves nothing."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.ones(256, 256, device=device, dtype=dtype)
        (x @ x)[0, 0].item()
        start = time.perf_counter()
        (x @ x)[0, 0].item()
        seconds[dtype] = time.perf_counter() - start
    ratio = seconds[torch.bfloat16] / seconds[torch.float32]
    if ratio > 4:
        warnings.warn(
            f"bfloat16 products take {ratio:.0f} times as long as float32 on this device: use float32",
            stacklevel=3,
        )
