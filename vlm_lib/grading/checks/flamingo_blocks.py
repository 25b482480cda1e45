"""Checkers for masked cross-attention with empty rows, and for the gated residual connection.

Source: Flamingo, sections 2.1.2 and 2.1.3 (arXiv 2204.14198). Chapter: 34_flamingo.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vlm_lib.grading.checks.compare import Case, Mistake, diagnose
from vlm_lib.grading.report import Report


def _scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5


def _softmax(scores: Tensor, mask: Tensor, fill: float, dim: int = -1) -> Tensor:
    return scores.masked_fill(~mask, fill).softmax(dim)


def _right_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    some = mask.any(-1, keepdim=True)
    return (_softmax(_scores(q, k), mask | ~some, -torch.inf) @ v).masked_fill(~some, 0.0)


def _cleaned(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return (_softmax(_scores(q, k), mask, -torch.inf) @ v).nan_to_num(0.0)


def _additive(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    bias = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, -torch.inf)
    return ((_scores(q, k) + bias).softmax(-1) @ v).nan_to_num(0.0)


ATTENTION_MISTAKES = (
    Mistake(
        "nan_rows",
        lambda q, k, v, mask: _softmax(_scores(q, k), mask, -torch.inf) @ v,
        "NaN in rows with no image: a softmax over nothing is 0/0. Such a row has nothing to add: it must be 0.",
    ),
    Mistake(
        "mean_rows",
        lambda q, k, v, mask: _softmax(_scores(q, k), mask, torch.finfo(q.dtype).min) @ v,
        "Rows without an image return the mean of all values: with every score equally low, softmax is uniform. "
        "They must be 0.",
    ),
    Mistake(
        "no_mask",
        lambda q, k, v, mask: _scores(q, k).softmax(-1) @ v,
        "Your result does not depend on the mask.",
    ),
    Mistake(
        "mask_after_softmax",
        lambda q, k, v, mask: (_scores(q, k).softmax(-1) * mask) @ v,
        "You mask after the softmax: the weights that are left no longer add up to 1.",
    ),
    Mistake(
        "score_zero",
        lambda q, k, v, mask: (_scores(q, k) * mask).softmax(-1) @ v,
        "You set forbidden scores to 0. After the softmax a score of 0 still has weight.",
    ),
    Mistake(
        "no_scale",
        lambda q, k, v, mask: _right_attention(q * q.shape[-1] ** 0.5, k, v, mask),
        "You forgot to divide the scores by the square root of dim.",
    ),
    Mistake(
        "scale_dim",
        lambda q, k, v, mask: _right_attention(q / q.shape[-1] ** 0.5, k, v, mask),
        "You divide the scores by dim, not by its square root.",
    ),
    Mistake(
        "inverted",
        lambda q, k, v, mask: _right_attention(q, k, v, ~mask),
        "You use the mask the wrong way round: True means 'may attend'.",
    ),
    Mistake(
        "softmax_over_text",
        lambda q, k, v, mask: _softmax(_scores(q, k), mask, torch.finfo(q.dtype).min, dim=-2) @ v,
        "Your softmax runs over the text positions; each text position spreads its own weight over visual tokens.",
    ),
)
NAN_GRADIENT = (
    "The result is right, but the gradient is NaN: replacing NaN afterwards hides it on the way forward only. "
    "Keep the softmax itself from seeing an empty row."
)
GRADIENT_MISTAKES = (
    Mistake("nan_gradient", _cleaned, NAN_GRADIENT),
    Mistake("nan_gradient_everywhere", _additive, NAN_GRADIENT),
    Mistake(
        "detached",
        lambda q, k, v, mask: _right_attention(q, k, v, mask).detach(),
        "The result is right, but no gradient comes back through it.",
    ),
)


def attention_cases(seed: int = 0) -> list[Case]:
    """Random q, k, v; one row sees everything, one nothing, one a single token, the others a random part."""
    rng = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(2, length, 6, generator=rng) for length in (5, 4, 4))
    mask = torch.rand(2, 5, 4, generator=rng) < 0.5
    mask[:, 0], mask[:, 1], mask[:, 2] = False, True, torch.tensor([False, False, True, False])
    return [(2 * q, k, v, mask), (q[:1], k[:1], v[:1], torch.zeros_like(mask[:1])), (q, k, v, ~mask)]


def _gradients(attention: Callable) -> Callable:
    def run(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        leaves = [x.clone().requires_grad_() for x in (q, k, v)]
        out = attention(*leaves, mask)
        if not out.requires_grad:
            return tuple(torch.zeros_like(x) for x in leaves)
        return torch.autograd.grad(out.square().sum(), leaves, materialize_grads=True)

    return run


def check_masked_attention(answer: Callable, *, seed: int = 0) -> Report:
    """Check attention with rows that see nothing: `answer(q, k, v, mask) -> Float["batch text dim"]`.

    q is [batch text dim], k and v [batch visual dim], mask Bool [batch text visual]. Values and gradients count.
    """
    task, names, cases = "masked attention", ["q", "k", "v", "mask"], attention_cases(seed)
    praise = "values and gradients agree, and rows that see nothing are exactly 0."
    report = diagnose(task, answer, _right_attention, ATTENTION_MISTAKES, cases, names=names, praise=praise)
    if not report.passed:
        return report
    table = [Mistake(entry.name, _gradients(entry.wrong), entry.message) for entry in GRADIENT_MISTAKES]
    right = _gradients(_right_attention)
    return diagnose(task, _gradients(answer), right, table, cases, names=names, praise=praise)


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
    Mistake(
        "not_a_parameter",
        _FixedGate,
        "alpha is no nn.Parameter: no optimiser will find it, and the gate stays shut for ever.",
    ),
)


def gate_cases(seed: int = 0) -> list[Case]:
    """x and an update; alpha None (as the block starts) and set to a value of either sign."""
    rng = torch.Generator().manual_seed(seed)
    x, update = torch.randn(2, 3, 4, generator=rng), torch.randn(2, 3, 4, generator=rng)
    alpha = 0.5 + torch.rand(1, generator=rng).item()
    return [(x, update, None), (x, update, alpha), (x, update, -2 * alpha)]


def _run_gate(gate_class: Callable) -> Callable:
    """The output of a fresh gate, and the gradient of its parameters: none, where there is no parameter."""

    def run(x: Tensor, update: Tensor, alpha: float | None) -> tuple[Tensor, ...]:
        gate = gate_class()
        if alpha is not None:
            with torch.no_grad():
                gate.alpha.fill_(alpha)
        out = gate(x, update)
        if not out.requires_grad:
            return (out,)
        out.square().sum().backward()
        return (out, *(p.grad.flatten() for p in gate.parameters() if p.grad is not None))

    return run


def check_gated_residual(answer: Callable, *, seed: int = 0) -> Report:
    """Check a module class with a parameter `alpha`: `answer()(x, update)` is the gated sum, shut at the start."""
    if isinstance(answer, nn.Module):
        return Report("gated residual", False, ("Give the class itself, not a module made from it.",))
    return diagnose(
        "gated residual",
        _run_gate(answer) if callable(answer) else answer,
        _run_gate(_Gate),
        [Mistake(entry.name, _run_gate(entry.wrong), entry.message) for entry in GATE_MISTAKES],
        gate_cases(seed),
        names=["x", "update", "alpha"],
        praise="shut at the start, so the LM is untouched; then bounded, and the gate learns.",
    )
