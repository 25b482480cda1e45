"""What the losses over pairs ask of their inputs: shapes, finite values, one dtype of at least float32."""

import numbers

import torch
from torch import Tensor

from vlm_lib.checks import require_finite, require_shape


def _one_number(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    value = torch.as_tensor(value, device=like.device)
    if value.numel() != 1:
        raise ValueError(f"{name} has shape {list(value.shape)}, expected one number")
    require_finite(name, value)
    return value.to(like.dtype)


def checked_pairs(
    image_features: Tensor, text_features: Tensor, scalars: dict[str, float | Tensor], positives: Tensor | None
) -> tuple[Tensor, ...]:
    """Both features and the scalars, validated and in one dtype of at least float32."""
    require_shape("image_features", image_features, batch=None, dim=None)
    require_shape("text_features", text_features, batch=image_features.shape[0], dim=image_features.shape[1])
    for name, features in (("image_features", image_features), ("text_features", text_features)):
        if not features.is_floating_point():
            raise ValueError(f"{name} has dtype {features.dtype}, expected a floating-point type")
        require_finite(name, features)
    if positives is not None:
        require_shape("positives", positives, batch=image_features.shape[0])
        if positives.is_floating_point():
            raise ValueError(f"positives has dtype {positives.dtype}, expected integer labels")
    # bfloat16 has 8 bits: a logit of 100 would be rounded to the next half, so products are never done in it
    dtype = torch.promote_types(torch.promote_types(image_features.dtype, text_features.dtype), torch.float32)
    features = image_features.to(dtype), text_features.to(dtype)
    return *features, *(_one_number(name, value, features[0]) for name, value in scalars.items())


def checked_chunk(chunk_size: int | None) -> int | None:
    """`chunk_size` as it is. Raises: ValueError unless it is None or a positive integer."""
    if chunk_size is not None and (
        isinstance(chunk_size, bool) or not isinstance(chunk_size, numbers.Integral) or chunk_size < 1
    ):
        raise ValueError(f"chunk_size is {chunk_size!r}, expected a positive integer or None")
    return chunk_size
