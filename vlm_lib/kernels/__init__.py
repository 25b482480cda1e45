"""Implementations that sit behind the functions of `attention` and `losses`; call those, not these."""

from importlib.util import find_spec

TRITON_INSTALLED = find_spec("triton") is not None  # asked once: torch.compile cannot trace the question
