"""Comparing what answers return: tensors, numbers, sets, and tuples and dicts of them."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
SHORT = reprlib.Repr()
SHORT.maxlist = SHORT.maxtuple = SHORT.maxset = SHORT.maxother = 60
FROM_WHERE = {"nan": "NaN comes from 0/0 or inf - inf", "inf": "an exponential or a quotient outgrew its dtype"}


def as_value(value: Any) -> Any:
    """Bring an answer into comparable form: nested lists of numbers become tensors, graphs are cut off."""
    if isinstance(value, Tensor):
        return value.detach().to_dense() if value.layout != torch.strided else value.detach()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | list) and len(value) and not any(isinstance(item, Set) for item in value):
        try:
            return torch.as_tensor(value)
        except (ValueError, TypeError, RuntimeError):  # ragged, or not numbers: compared item by item
            pass
    if isinstance(value, dict):
        return {key: as_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(as_value(item) for item in value)
    return set(value) if isinstance(value, frozenset) else value


def nothing_like(value: Any) -> Any:
    """Zeros, False or empty sets in the form of `value`."""
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    if isinstance(value, tuple | list):
        return type(value)(map(nothing_like, value))
    return 0 * value if is_number(value) else type(value)()


def is_number(value: Any) -> bool:
    """Whether `value` is a number of Python; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_numbers(found: Any, expected: Any) -> bool:
    """Floats to tolerance, ints exactly, also where one of the two is a tensor of one number."""
    found, expected = (x.item() if isinstance(x, Tensor) and x.ndim == 0 else x for x in (found, expected))
    if not is_number(found) or not is_number(expected):
        return False
    if isinstance(found, int) and isinstance(expected, int) or not math.isfinite(expected):
        return found == expected or (found != found and expected != expected)
    room = TOLERANCE["atol"] + TOLERANCE["rtol"] * abs(expected)
    return expected - room <= found <= expected + room  # an int too large for a float can still be compared


def _in_the_form_of(expected: Any, found: Any) -> Any:
    """A list of numbers, which has become a tensor, as a tuple again where a tuple is expected."""
    return tuple(found) if isinstance(expected, tuple) and isinstance(found, Tensor) and found.ndim else found


def same(found: Any, expected: Any) -> bool:
    """Equal values, whatever their dtype; NaN equals NaN."""
    found = _in_the_form_of(expected, found)
    if is_number(found) or is_number(expected):
        return _same_numbers(found, expected)
    if isinstance(found, Tensor) and isinstance(expected, Tensor):
        if found.shape != expected.shape or found.is_complex() or expected.is_complex():
            return False
        return torch.allclose(found.double(), expected.double(), equal_nan=True, **TOLERANCE)
    if type(found) is not type(expected) or isinstance(found, Tensor):
        return False
    if isinstance(found, tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    return bool(found == expected)


def kind(value: Tensor | bool | int | float) -> str:
    """What the numbers of a tensor are, or a single one: booleans, floating-point numbers or integers."""
    dtype = value.dtype if isinstance(value, Tensor) else torch.tensor(value).dtype
    if dtype == torch.bool:
        return "booleans"
    return "floating-point numbers" if dtype.is_floating_point else "integers"


def _other_kind(found: Any, expected: Any) -> str | None:
    """What to say about right values that are of another kind than expected."""
    if kind(found) == kind(expected):
        return None
    how = " (/ makes floats of integers, // does not)" if kind(expected) == "integers" else ""
    return f"the values are right, but they are {kind(found)}; expected {kind(expected)}{how}"


def _first_wrong(found: Tensor, expected: Tensor) -> str:
    differs = ~torch.isclose(found.double(), expected.double(), equal_nan=True, **TOLERANCE)
    where = differs.nonzero()[0].tolist()
    value = found[tuple(where)].item()
    shown = round(value, 4)
    count = f"{int(differs.sum())} of {differs.numel()} are wrong"
    came = "nan" if value != value else "inf" if abs(value) == math.inf else None
    reason = f"; {FROM_WHERE[came]}" if came else ""
    return f"the first wrong value, at {where}, is {shown} ({count}{reason})"


def difference(found: Any, expected: Any) -> str | None:
    """How `found` differs from `expected`, in words that leave out the expected values; None if it does not."""
    if found is None and expected is not None:
        return "you return None (is a `return` missing?)"
    if isinstance(expected, tuple):
        found = _in_the_form_of(expected, found)
        if not isinstance(found, tuple) or len(found) != len(expected):
            return f"you return {type(found).__name__}, expected {len(expected)} values"
        return next(filter(None, map(difference, found, expected)), None)
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        told = ((name, difference(found[name], value)) for name, value in expected.items())
        return next((f"in {name}, {text}" for name, text in told if text), None)
    if is_number(expected):
        if not same(found, expected):
            return f"you return {show(found)}"
        return _other_kind(found, expected) if isinstance(expected, int) else None
    if not isinstance(expected, Tensor):
        return None if same(found, expected) else f"you return {SHORT.repr(found)}"
    if not isinstance(found, Tensor):
        return f"you return {type(found).__name__}, expected a tensor"
    if found.shape != expected.shape:
        return f"your result has shape {list(found.shape)}, expected {list(expected.shape)}"
    if found.is_complex():
        return "you return complex numbers"
    if not same(found, expected):
        return _first_wrong(found, expected)
    return _other_kind(found, expected)


def show(value: Any) -> str:
    """A value as a reader would write it: booleans as 0 and 1, three decimals, a large tensor as its shape."""
    if isinstance(value, Tensor):
        if value.numel() > (4 if value.is_floating_point() else 40):
            return f"a tensor of shape {list(value.shape)}"
        value = value.int() if value.dtype == torch.bool else value.detach()
        return str((value.double().round(decimals=3) if value.is_floating_point() else value).tolist())
    if isinstance(value, list) and all(isinstance(item, bool) for item in value):
        return str([int(item) for item in value])
    return getattr(value, "__name__", None) or SHORT.repr(value)


def show_case(names: Sequence[str], case: Sequence) -> str:
    """The arguments of a call that are short enough to help, or the shapes of all if none is."""
    shown = {name: show(value) for name, value in zip(names, case, strict=True)}
    short = {name: text for name, text in shown.items() if not text.startswith("a tensor of shape")}
    return ", ".join(f"{name} = {text}" for name, text in (short or shown).items())
