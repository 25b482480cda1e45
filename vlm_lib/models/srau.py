"""How an attention over an image joins the text it is asked by: added, or through VisualGPT's gates.

The self-resurrecting activation unit has two gates that follow from one number h for each unit: the image's share
sigma(h) and the text's share 1 - sigma(h), each set to exactly 0 where it is tau or less. Source: Chen et al.
2021, VisualGPT (arXiv 2102.10407), and the authors' released code, which computes the number otherwise. Chapter:
31_visualgpt.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.checks import check_one_of, require_shape

Gates = tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]
TAU = 0.2  # the value in the authors' instructions for training


def gates(number: Float[Tensor, "*shape"], tau: float, *, normalized: bool = False) -> Gates:
    """The image's and the text's share of every unit.

    normalized: both divided by their sum, which the paper calls Normalized SRAU; 0 where both are 0. Raises:
    ValueError unless 0 <= tau < 1. Chapter: 31_visualgpt.
    """
    share = torch.sigmoid(number)
    image, text = share * (share > check_tau(tau)), (1 - share) * (1 - share > tau)
    if not normalized:
        return image, text
    total = (image + text).clamp(min=torch.finfo(image.dtype).tiny)
    return image / total, text / total


def closing_point(tau: float) -> float:
    """The h above which the text's gate is 0, and below whose negative the image's is: ln((1 - tau) / tau).

    Infinite for tau = 0. Raises: ValueError unless 0 <= tau < 1. Chapter: 31_visualgpt.
    """
    return math.log((1 - tau) / tau) if check_tau(tau) else math.inf


def check_tau(tau: float) -> float:
    if not 0 <= tau < 1:
        raise ValueError(f"tau: got {tau!r}, expected a number from 0 to below 1")
    return float(tau)


class Added(nn.Module):
    """The ordinary residual connection: the text's state plus what it brought from the image."""

    def forward(
        self,
        text: Float[Tensor, "batch seq width"],
        image: Float[Tensor, "batch seq width"],
    ) -> Float[Tensor, "batch seq width"]:
        return text + image


class StateGates(nn.Module):
    """As the paper writes it: the number of a unit is the text's state in that unit. No parameters.

    tau = 0 gives plain sigmoid gates. There is no residual around it: the text's gate decides what stays.
    """

    def __init__(self, tau: float = TAU, *, normalized: bool = False):
        super().__init__()
        self.tau, self.normalized = check_tau(tau), normalized

    def gates(self, text: Float[Tensor, "batch seq width"], image: Float[Tensor, "batch seq width"]) -> Gates:
        """The image's and the text's gate of every unit."""
        return gates(text, self.tau, normalized=self.normalized)

    def forward(
        self,
        text: Float[Tensor, "batch seq width"],
        image: Float[Tensor, "batch seq width"],
    ) -> Float[Tensor, "batch seq width"]:
        from_image, from_text = self.gates(text, image)
        return from_image * image + from_text * text


class LearnedGates(StateGates):
    """As in the authors' code: a linear layer makes the number from state and image, and sigma weighs the text."""

    def __init__(self, width: int, tau: float = TAU, *, normalized: bool = False):
        super().__init__(tau, normalized=normalized)
        self.number = nn.Linear(2 * width, width)

    def gates(self, text: Float[Tensor, "batch seq width"], image: Float[Tensor, "batch seq width"]) -> Gates:
        """The image's and the text's gate of every unit. Raises: ValueError for another width."""
        width = self.number.out_features
        require_shape("text", text, batch=None, seq=None, width=width)
        number = self.number(torch.cat([text, image], dim=-1))
        from_text, from_image = gates(number, self.tau, normalized=self.normalized)
        return from_image, from_text


FUSIONS: dict[str, Callable[[int], nn.Module]] = {
    "plain": lambda width: Added(),
    "srau": lambda width: StateGates(),
    "sigmoid": lambda width: StateGates(0.0),
    "normalized": lambda width: StateGates(normalized=True),
    "released": LearnedGates,
}


def make_fusion(name: str, width: int) -> nn.Module:
    """A fusion by its name, at the authors' threshold. Raises: ValueError for a name not in `FUSIONS`."""
    check_one_of("fusion", name, tuple(FUSIONS))
    return FUSIONS[name](width)
