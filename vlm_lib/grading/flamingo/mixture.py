"""Checker for one update from several datasets: the weighted sum of their gradients.

Source: Flamingo, section 2.4, and the ablation "round robin" (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task

Losses = Sequence[Callable[[], Tensor]]
Optimizer = torch.optim.Optimizer


def _update(
    optimizer: Optimizer, losses: Losses, weights: Sequence[float], clear: bool = True, steps: int = 1
) -> None:
    """One step on the weighted sum of all gradients; mistakes keep the old ones, or make 0 or 2 steps."""
    if clear:
        optimizer.zero_grad()
    for loss, weight in zip(losses, weights, strict=True):
        (weight * loss()).backward()
    for _ in range(steps):
        optimizer.step()


def _round_robin(optimizer: Optimizer, losses: Losses, weights: Sequence[float]) -> None:
    for loss, weight in zip(losses, weights, strict=True):
        _update(optimizer, [loss], [weight])


MIXTURE_MISTAKES = {
    "round_robin": Mistake(
        _round_robin,
        "You stepped after every dataset (round-robin): each gradient is taken where the step before has led.",
    ),
    "round_robin_unweighted": Mistake(
        lambda optimizer, losses, weights: _round_robin(optimizer, losses, [1.0] * len(losses)),
        "You stepped after every dataset (round-robin), and you forgot the weights.",
    ),
    "unweighted": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, [1.0] * len(losses)),
        "You forgot the weights: every dataset counts the same.",
    ),
    "divided": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, [w / len(losses) for w in weights]),
        "You divided by the number of datasets; the sum is weighted, not averaged.",
    ),
    "mean": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, [1 / len(losses)] * len(losses)),
        "You took the plain mean over the datasets: their weights are missing, and the sum is not to be divided.",
    ),
    "normalised": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, [w / sum(weights) for w in weights]),
        "You normalised the weights to add up to 1. The paper's do not, and they are used as they are.",
    ),
    "last_only": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses[-1:], weights[-1:]),
        "Only the last dataset counts: you clear the gradients between the datasets.",
    ),
    "first_only": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses[:1], weights[:1]),
        "Only the first dataset counts.",
    ),
    "stale": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, weights, clear=False),
        "The first update is right, the second is not: it starts with the gradients of the first still there.",
    ),
    "no_step": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, weights, steps=0),
        "The parameters do not move: the optimiser never makes its step.",
    ),
    "two_steps": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, weights, steps=2),
        "You make the same step twice.",
    ),
    "uphill": Mistake(
        lambda optimizer, losses, weights: _update(optimizer, losses, [-w for w in weights]),
        "Your step goes uphill: the sign of the gradient is wrong.",
    ),
}


def mixture_cases(seed: int = 0) -> list[Case]:
    """Targets of three and of two datasets, weights that do not add up to 1, and the number of updates."""
    rng = torch.Generator().manual_seed(seed)
    three, two = torch.randn(3, 4, generator=rng), torch.randn(2, 4, generator=rng)
    weights = (0.2 + torch.rand(3, generator=rng)).tolist()
    return [(three, weights, 1), (three, weights, 2), (two, weights[:2], 2)]


def _train(step: Callable, targets: Tensor, weights: list[float], updates: int) -> Tensor:
    """The parameters after some updates by `step`, on quadratic losses with a minimum at each dataset's target."""
    parameter = torch.nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    losses = [lambda target=target: (parameter - target).square().sum() for target in targets]
    for _ in range(updates):
        step(optimizer, losses, weights)
    return parameter


check_mixture_step = Task(
    name="mixture step",
    asks="answer(optimizer, losses, weights): one step on the weighted sum of all datasets' gradients",
    right=_update,
    use=_train,
    placeholder=None,
    mistakes=MIXTURE_MISTAKES,
    cases=mixture_cases,
    praise="one step along the weighted sum, with no gradient left over from the step before.",
)
