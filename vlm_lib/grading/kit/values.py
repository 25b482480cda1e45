"""Comparing what answers return: tensors, numbers, sets, and tuples of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def as_value(value: Any) -> Any:
    """Bring an answer into comparable form: nested lists of numbers become tensors, graphs are cut off."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value)
    if isinstance(value, list) and value and not any(isinstance(item, set) for item in value):
        try:
            return torch.as_tensor(value)
        except (ValueError, TypeError, RuntimeError):  # ragged, or not numbers: compared item by item
            pass
    if isinstance(value, list | tuple):
        return tuple(as_value(item) for item in value)
    return value


def same(a: Any, b: Any) -> bool:
    """Equal values, whatever their dtype; NaN equals NaN."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.shape != b.shape or a.is_complex() or b.is_complex():
            return False
        return torch.allclose(a.double(), b.double(), equal_nan=True, **TOLERANCE)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Tensor) or isinstance(b, Tensor) or isinstance(a, tuple) or isinstance(b, tuple):
        return False
    return bool(a == b)


def kind(value: Tensor) -> str:
    """What a tensor's numbers are: "booleans", "floating-point numbers" or "integers"."""
    if value.dtype == torch.bool:
        return "booleans"
    return "floating-point numbers" if value.is_floating_point() else "integers"


def difference(found: Any, expected: Any) -> str | None:
    """How `found` differs from `expected`, in words that leave out the expected values; None if it does not."""
    if isinstance(expected, tuple):
        if not isinstance(found, tuple) or len(found) != len(expected):
            return f"you return {type(found).__name__}, expected {len(expected)} values"
        return next(filter(None, map(difference, found, expected)), None)
    if not isinstance(expected, Tensor):
        return None if type(found) is type(expected) and found == expected else f"you return {found!r}"
    if not isinstance(found, Tensor):
        return f"you return {type(found).__name__}, expected a tensor"
    if found.shape != expected.shape:
        return f"your result has shape {list(found.shape)}, expected {list(expected.shape)}"
    if not same(found, expected):
        differs = ~torch.isclose(found.double(), expected.double(), equal_nan=True, **TOLERANCE)
        where = differs.nonzero()[0].tolist()
        value = round(found[tuple(where)].item(), 4) if found.numel() else None
        return (
            f"the first wrong value, at {where}, is {value} ({int(differs.sum())} of {differs.numel()} are wrong)"
        )
    if kind(found) != kind(expected):
        return f"the values are right, but they are {kind(found)}; expected {kind(expected)}"
    return None
