"""Checker for the gated residual connection, a small module: what it gives, then whether its gate can learn.

Source: Flamingo, section 2.2 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vlm_lib.grading.kit import Case, Look, Mistake, Task


class _Gate(nn.Module):
    """The right gate; known mistakes differ from it in `combine` or in where alpha starts."""

    start = 0.0

    def __init__(self):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(self.start))

    @staticmethod
    def combine(x: Tensor, update: Tensor, alpha: Tensor) -> Tensor:
        return x + alpha.tanh() * update

    def forward(self, x: Tensor, update: Tensor) -> Tensor:
        return self.combine(x, update, self.alpha)


def _gate(combine: Callable = _Gate.combine, start: float = 0.0) -> type[nn.Module]:
    return type("WrongGate", (_Gate,), {"combine": staticmethod(combine), "start": start})


class _FixedGate(_Gate):
    def __init__(self):
        nn.Module.__init__(self)
        self.alpha = torch.tensor(0.0)


GATE_MISTAKES = {
    "sigmoid": Mistake(
        _gate(lambda x, update, alpha: x + alpha.sigmoid() * update),
        "The gate starts at sigmoid(0) = 0.5, so the block changes the LM at the start. tanh(0) is 0.",
    ),
    "starts_open": Mistake(
        _gate(start=1.0), "alpha starts at 1, so the block changes the LM at the start; alpha must start at 0."
    ),
    "ungated": Mistake(
        _gate(lambda x, update, alpha: x + update + 0 * alpha),
        "The update is added in full, whatever alpha is: there is no gate.",
    ),
    "no_tanh": Mistake(
        _gate(lambda x, update, alpha: x + alpha * update),
        "You multiply by alpha itself. Right at the start, but without tanh the gate has no bounds.",
    ),
    "gates_everything": Mistake(
        _gate(lambda x, update, alpha: alpha.tanh() * (x + update)),
        "You gate the residual stream as well: at the start nothing of x comes through.",
    ),
    "interpolates": Mistake(
        _gate(lambda x, update, alpha: (1 - alpha.tanh()) * x + alpha.tanh() * update),
        "You blend x out as the gate opens. x stays whole; the gated update is added to it.",
    ),
    "no_residual": Mistake(
        _gate(lambda x, update, alpha: alpha.tanh() * update), "You return the gated update without x."
    ),
}
CLOSED_MISTAKES = {
    "not_a_parameter": Mistake(
        _FixedGate, "alpha is no nn.Parameter: no optimiser will find it, and the gate stays shut for ever."
    ),
    "detached": Mistake(
        _gate(lambda x, update, alpha: x + alpha.detach().tanh() * update),
        "No gradient reaches alpha, so the gate stays shut for ever.",
    ),
}


def gate_cases(seed: int = 0) -> list[Case]:
    """x and an update; alpha None (as the block starts) and set to a value of either sign."""
    rng = torch.Generator().manual_seed(seed)
    x, update = torch.randn(2, 3, 4, generator=rng), torch.randn(2, 3, 4, generator=rng)
    alpha = 0.5 + torch.rand(1, generator=rng).item()
    return [(x, update, None), (x, update, alpha), (x, update, -2 * alpha)]


def _output(gate_class: Callable, x: Tensor, update: Tensor, alpha: float | None) -> Tensor:
    """What a fresh gate gives, with `alpha` as it starts or set."""
    gate = gate_class()
    if alpha is not None:
        with torch.no_grad():
            gate.alpha.fill_(alpha)
    return gate(x, update)


def _gradient(gate_class: Callable, x: Tensor, update: Tensor, alpha: float | None) -> Tensor:
    """The gradient of a fresh gate's parameters, in one row: 0 where none arrives, empty without parameters."""
    gate = gate_class()
    out = gate(x, update).square().sum()
    parameters = list(gate.parameters())
    if not parameters:
        return torch.zeros(0)
    out = out + 0.0 * sum(parameter.sum() for parameter in parameters)
    return torch.cat([grad.flatten() for grad in torch.autograd.grad(out, parameters)])


check_gated_residual = Task(
    name="gated residual",
    asks="a module class with a parameter `alpha`: answer()(x, update) is the gated sum, shut at the start",
    a_class=True,
    right=_Gate,
    use=_output,
    placeholder=None,
    mistakes=GATE_MISTAKES,
    then=[Look(CLOSED_MISTAKES, use=_gradient)],
    cases=gate_cases,
    praise="shut at the start, so the LM is untouched; then bounded, and the gate learns.",
)
