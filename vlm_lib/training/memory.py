"""What training keeps in memory: weights, gradients, the optimizer's state, and activations for the backward pass.

Chapter: 21_frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# bytes per parameter under mixed precision with Adam: 16-bit weight and gradient, and in 32 bits a master copy and
# two running means (Rajbhandari et al. 2020, "ZeRO", section 3.1, arXiv 1910.02054v3)
WEIGHT, GRADIENT, OPTIMIZER = 2, 2, 12


@dataclass(frozen=True)
class Memory:
    """Bytes of each kind; `activations` are those of one update."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


def activation_bytes(loss: Callable[[], Tensor], model: nn.Module) -> int:
    """What the backward pass of `loss()` would need and is not a weight of `model`: every storage counted once.

    Works on the meta device, where tensors have shapes and no content: so a model of any size can be asked.
    """
    weights = {p.untyped_storage()._cdata for p in (*model.parameters(), *model.buffers())}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor  # kept alive, or a storage's number would be used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss()
    return sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in weights)


def mixed_precision_memory(model: nn.Module, activations: int) -> Memory:
    """The memory of one update with Adam in mixed precision, by counting parameters."""
    trained, every = _count(p for p in model.parameters() if p.requires_grad), _count(model.parameters())
    return Memory(WEIGHT * every, GRADIENT * trained, OPTIMIZER * trained, activations)


def measured_memory(model: nn.Module, loss: Callable[[], Tensor], lr: float = 1e-3) -> Memory:
    """The same of a model that is small enough: one update of AdamW is made, and what it left is counted."""
    activations = activation_bytes(loss, model)
    trained = [p for p in model.parameters() if p.requires_grad]
    update = torch.optim.AdamW(trained, lr=lr)
    loss().backward()
    update.step()
    state = [value for each in update.state.values() for value in each.values()]
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return Memory(_bytes(model.parameters()), _bytes(gradients), _bytes(state), activations)


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
