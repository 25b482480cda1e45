"""Pictures inside a page: as text, so that no file is fetched."""

import base64
from io import BytesIO

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

COLOURS = 64  # a palette of so many: about a kilobyte for 64 x 64 pixels


def data_uri(pixels: UInt8[Tensor, "3 h w"], largest: int | None = None) -> str:
    """A PNG as the `src` of an <img>, smaller where a side exceeds `largest`. Raises: ValueError unless uint8."""
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or len(pixels) != 3:
        raise ValueError(f"pixels has dtype {pixels.dtype} and shape {list(pixels.shape)}, expected uint8 [3 h w]")
    picture = Image.fromarray(pixels.cpu().permute(1, 2, 0).numpy())
    if largest is not None:
        picture.thumbnail((largest, largest))
    picture.quantize(COLOURS).save(buffer := BytesIO(), format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
