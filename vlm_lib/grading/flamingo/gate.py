"""Checker for the gated residual connection, a small module: what it gives, then whether its gate can learn.

Source: Flamingo, section 2.1.2 (arXiv 2204.14198). Chapter: 34_flamingo.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vlm_lib.grading.kit.compare import Case, Mistake, diagnose
from vlm_lib.grading.kit.report import Report


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


GATE_MISTAKES = (
    Mistake(
        "sigmoid",
        _gate(lambda x, update, alpha: x + alpha.sigmoid() * update),
        "The gate starts at sigmoid(0) = 0.5, so the block changes the LM at the start. tanh(0) is 0.",
    ),
    Mistake(
        "starts_open",
        _gate(start=1.0),
        "alpha starts at 1, so the block changes the LM at the start; alpha must start at 0.",
    ),
    Mistake(
        "ungated",
        _gate(lambda x, update, alpha: x + update + 0 * alpha),
        "The update is added in full, whatever alpha is: there is no gate.",
    ),
    Mistake(
        "no_tanh",
        _gate(lambda x, update, alpha: x + alpha * update),
        "You multiply by alpha itself. Right at the start, but without tanh the gate has no bounds.",
    ),
    Mistake(
        "gates_everything",
        _gate(lambda x, update, alpha: alpha.tanh() * (x + update)),
        "You gate the residual stream as well: at the start nothing of x comes through.",
    ),
    Mistake(
        "interpolates",
        _gate(lambda x, update, alpha: (1 - alpha.tanh()) * x + alpha.tanh() * update),
        "You blend x out as the gate opens. x stays whole; the gated update is added to it.",
    ),
    Mistake(
        "no_residual",
        _gate(lambda x, update, alpha: alpha.tanh() * update),
        "You return the gated update without x.",
    ),
)
CLOSED_MISTAKES = (
    Mistake(
        "not_a_parameter",
        _FixedGate,
        "alpha is no nn.Parameter: no optimiser will find it, and the gate stays shut for ever.",
    ),
    Mistake(
        "detached",
        _gate(lambda x, update, alpha: x + alpha.detach().tanh() * update),
        "No gradient reaches alpha, so the gate stays shut for ever.",
    ),
)


def gate_cases(seed: int = 0) -> list[Case]:
    """x and an update; alpha None (as the block starts) and set to a value of either sign."""
    rng = torch.Generator().manual_seed(seed)
    x, update = torch.randn(2, 3, 4, generator=rng), torch.randn(2, 3, 4, generator=rng)
    alpha = 0.5 + torch.rand(1, generator=rng).item()
    return [(x, update, None), (x, update, alpha), (x, update, -2 * alpha)]


def _output(gate_class: Callable) -> Callable:
    """What a fresh gate gives, with `alpha` as it starts or set."""

    def run(x: Tensor, update: Tensor, alpha: float | None) -> Tensor:
        gate = gate_class()
        if alpha is not None:
            with torch.no_grad():
                gate.alpha.fill_(alpha)
        return gate(x, update)

    return run


def _gradient(gate_class: Callable) -> Callable:
    """The gradient of a fresh gate's parameters, in one row: 0 where none arrives, empty without parameters."""

    def run(x: Tensor, update: Tensor, alpha: float | None) -> Tensor:
        gate = gate_class()
        out = gate(x, update).square().sum()
        parameters = list(gate.parameters())
        if not parameters:
            return torch.zeros(0)
        out = out + 0.0 * sum(parameter.sum() for parameter in parameters)
        return torch.cat([grad.flatten() for grad in torch.autograd.grad(out, parameters)])

    return run


def check_gated_residual(answer: Callable, *, seed: int = 0) -> Report:
    """Check a module class with a parameter `alpha`: `answer()(x, update)` is the gated sum, shut at the start."""
    task, cases, names = "gated residual", gate_cases(seed), ["x", "update", "alpha"]
    praise = "shut at the start, so the LM is untouched; then bounded, and the gate learns."
    if isinstance(answer, nn.Module) or not callable(answer):
        return Report(task, False, (f"Expected the class, got an object of type {type(answer).__name__}.",))
    report = Report(task, True, ())
    for run, mistakes in ((_output, GATE_MISTAKES), (_gradient, CLOSED_MISTAKES)):
        table = [Mistake(entry.name, run(entry.wrong), entry.message) for entry in mistakes]
        report = diagnose(task, run(answer), run(_Gate), table, cases, names=names, praise=praise)
        if not report.passed:
            break
    return report
