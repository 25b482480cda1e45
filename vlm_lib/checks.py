"""Checks of arguments whose messages name the argument, what came and what was expected."""

import numbers
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def require_shape(name: str, tensor: Tensor, **axes: int | None) -> None:
    """Raise `ValueError` unless `tensor` has the named axes; `None` leaves an axis free."""
    sizes = tuple(tensor.shape)
    if len(sizes) != len(axes) or any(n not in (None, size) for n, size in zip(axes.values(), sizes, strict=True)):
        expected = "[" + " ".join(axis if n is None else f"{axis}={n}" for axis, n in axes.items()) + "]"
        raise ValueError(f"{name} has shape {list(sizes)}, expected {expected}")
    if sizes[0] == 0:
        raise ValueError(f"{name} is an empty batch: shape {list(sizes)}, expected at least one example")


def require_finite(name: str, tensor: Tensor) -> None:
    """Raise `ValueError` if `tensor` holds NaN or infinity.

    A sum is finite only if every term is, and costs one read without a temporary; the exact and dearer test
    runs only where the sum is not, since finite terms can overflow it.
    """
    if torch.compiler.is_compiling():
        return
    wide = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else None
    if not torch.isfinite(tensor.detach().sum(dtype=wide)) and not torch.isfinite(tensor).all():
        bad = int((~torch.isfinite(tensor)).sum())
        raise ValueError(f"{name} must be finite: {bad} of {tensor.numel()} values are NaN or infinite")


def require_phi(phi: Tensor, num_images: int) -> None:
    """Raise `ValueError` unless phi [batch seq] counts images: integers from 0 to `num_images` that never fall."""
    if phi.is_floating_point() or phi.dtype == torch.bool:
        raise ValueError(f"phi has dtype {phi.dtype}, expected integers (see attention.image_index)")
    if torch.compiler.is_compiling() or phi.shape[1] == 0:
        return
    counts = phi.cpu().numpy()  # one transfer; small reductions cost a fifth of what they cost in torch
    lowest, highest = int(counts.min()), int(counts.max())
    if lowest < 0:
        raise ValueError(f"phi holds {lowest}, expected counts of images from 0 on")
    if highest > num_images:
        raise ValueError(
            f"phi reaches {highest}, but only {num_images} images were given: each <image> tag needs its image"
        )
    if (counts[:, 1:] < counts[:, :-1]).any():
        raise ValueError("phi decreases along the sequence, expected a running count of images")


def check_seed(seed: Any) -> int:
    """An integer of any kind as a plain int. Raises: ValueError unless it is an integer in 0 .. 2**32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"seed: got {seed!r}, expected an int in 0 .. 2**32 - 1")
    return int(seed)


def check_at_least(name: str, value: Any, smallest: int) -> int:
    """An integer of any kind as a plain int. Raises: ValueError unless it is an integer >= `smallest`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < smallest:
        raise ValueError(f"{name}: got {value!r}, expected an int >= {smallest}")
    return int(value)


def check_one_of(name: str, value: Any, options: Sequence[Any]) -> None:
    """Refuse a value that is not among `options`. Raises: ValueError."""
    if value not in options:
        raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(map(repr, options))}")


def check_range(name: str, value: Any, lowest: int, highest: int) -> tuple[int, int]:
    """Read `k` or `(fewest, most)` as a pair within lowest .. highest. Raises: ValueError."""
    pair = (value, value) if isinstance(value, numbers.Integral) else value
    is_pair = isinstance(pair, tuple | list) and len(pair) == 2
    whole = is_pair and all(isinstance(v, numbers.Integral) and not isinstance(v, bool) for v in pair)
    if not whole or not lowest <= pair[0] <= pair[1] <= highest:
        raise ValueError(f"{name}: got {value!r}, expected an int or (fewest, most) within {lowest} .. {highest}")
    return int(pair[0]), int(pair[1])
