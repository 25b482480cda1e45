"""Views of drawings: turned, shifted, scaled, mirrored and tinted, so that a drawing is never seen twice alike.

Chapter: 21_frozen.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from vlm_lib.checks import check_at_least, check_seed, require_shape

SIDE = 32


def views(drawings: UInt8[Tensor, "n 3 64 64"], each: int, seed: int) -> Float[Tensor, "n each 3 32 32"]:
    """`each` views of every drawing, from -1 to 1, on white.

    Up to 15 degrees of turn, 8 % of shift, a scale of 0.85 to 1.1, a mirror in one view of two, and a tint of up
    to 15 % for each colour. Raises: ValueError for other shapes, no view, or a bad seed.
    """
    require_shape("drawings", drawings, n=None, channels=3, height=64, width=64)
    n, each = len(drawings), check_at_least("each", each, 1)
    rng = torch.Generator().manual_seed(check_seed(seed))
    uniform = lambda low, high, *more: low + (high - low) * torch.rand(n * each, *more, generator=rng)  # noqa: E731
    angle, scale = uniform(-1, 1) * math.radians(15), uniform(0.85, 1.1)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin, shift = angle.cos() / scale, angle.sin() / scale, uniform(-0.16, 0.16, 2)  # a picture is 2 wide
    turn = torch.stack([cos * mirror, -sin, shift[:, 0], sin * mirror, cos, shift[:, 1]], dim=1).view(-1, 2, 3)
    ink = 1 - drawings.float().div(255).repeat_interleave(each, dim=0)  # zeros beyond the edge are white paper
    small = F.interpolate(ink, size=SIDE, mode="area")
    turned = F.grid_sample(small, F.affine_grid(turn, list(small.shape), align_corners=False), align_corners=False)
    tinted = (1 - turned) * uniform(0.85, 1.0, 3, 1, 1)
    return (2 * tinted - 1).unflatten(0, (n, each))
