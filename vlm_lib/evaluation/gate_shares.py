"""What the gates of a trained VisualGPT do: the share of units that take language, image, both or neither.

Chapter: 31_visualgpt.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.models.srau import StateGates, check_tau
from vlm_lib.models.visualgpt import IGNORE, VisualGPT

KINDS = ("language only", "both", "vision only", "neither")


@contextlib.contextmanager
def threshold(model: nn.Module, tau: float) -> Iterator[None]:
    """Within this block every gate of `model` has the threshold `tau`. Raises: ValueError as `check_tau`."""
    gated = [module for module in model.modules() if isinstance(module, StateGates)]
    before = [module.tau for module in gated]
    try:
        for module in gated:
            module.tau = check_tau(tau)
        yield
    finally:
        for module, old in zip(gated, before, strict=True):
            module.tau = old


@torch.no_grad()
def gate_shares(
    model: VisualGPT, tokens: Float[Tensor, "n tokens features"], targets: Int[Tensor, "n most"]
) -> list[dict[str, float]]:
    """For each block the share of units (of each word that counts) by `KINDS`; the shares of a block sum to 1.

    Raises: ValueError for a model without gates.
    """
    counted, seen = targets != IGNORE, []

    def listen(fusion: StateGates, states: tuple[Tensor, Tensor]) -> None:
        image, text = (gate[counted] > 0 for gate in fusion.gates(*states))
        kinds = (text & ~image, text & image, image & ~text, ~image & ~text)
        seen.append([float(kind.float().mean()) for kind in kinds])

    gated = [module for module in model.modules() if isinstance(module, StateGates)]
    if not gated:
        raise ValueError("model: it has no gates, expected a fusion other than 'plain'")
    hooks = [module.register_forward_pre_hook(listen) for module in gated]
    try:
        model(tokens, model.inputs(targets))
    finally:
        for hook in hooks:
            hook.remove()
    each = len(gated) // len(model.blocks)
    blocks = torch.tensor(seen).view(len(model.blocks), each, len(KINDS)).mean(dim=1)
    return [dict(zip(KINDS, block, strict=True)) for block in blocks.tolist()]
