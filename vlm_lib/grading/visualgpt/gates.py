"""Checkers for the self-resurrecting unit's two gates and the point where one of them shuts.

Source: Chen et al. 2021 (arXiv 2102.10407). Chapter: 31_visualgpt.
"""

import math

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.models.srau import gates


def _stacked(number: Tensor, tau: float) -> Tensor:
    return torch.stack(gates(number, tau))


def _one_condition(number: Tensor, tau: float) -> Tensor:
    share = number.sigmoid()
    return torch.stack([share, 1 - share]) * (share > tau)


def _hard(number: Tensor, tau: float) -> Tensor:
    return (_stacked(number, tau) > 0).float() + 0 * number


def _normalized(number: Tensor, tau: float) -> Tensor:
    return torch.stack(gates(number, tau, normalized=True))


GATE_MISTAKES = {
    "no_threshold": Mistake(
        lambda number, tau: _stacked(number, 0.0),
        "Neither gate is ever 0: the threshold is missing. These are plain sigmoid gates.",
    ),
    "exchanged": Mistake(
        lambda number, tau: _stacked(number, tau).flip(0),
        "The gates are exchanged: sigma(h) weighs the image, 1 - sigma(h) the text.",
    ),
    "one_condition": Mistake(
        _one_condition, "Both gates are shut where sigma(h) is small. Each gate is compared with tau by itself."
    ),
    "only_image": Mistake(
        lambda number, tau: torch.stack([_stacked(number, tau)[0], 1 - number.sigmoid()]),
        "The text's gate is never shut. Where 1 - sigma(h) is not above tau, it is 0.",
    ),
    "only_text": Mistake(
        lambda number, tau: torch.stack([number.sigmoid(), _stacked(number, tau)[1]]),
        "The image's gate is never shut. Where sigma(h) is not above tau, it is 0.",
    ),
    "same_gate": Mistake(
        lambda number, tau: _stacked(number, tau)[[0, 0]],
        "Both gates are the same. The text's share is 1 - sigma(h).",
    ),
    "on_the_number": Mistake(
        lambda number, tau: _stacked(number, 0.0) * torch.stack([number > tau, -number > tau]),
        "You compare h with tau. It is the gate, sigma(h), that is compared.",
    ),
    "hard": Mistake(_hard, "An open gate has its own value, sigma(h) or 1 - sigma(h), not 1."),
    "normalized": Mistake(
        _normalized, "You divide by the gates' sum: then an open gate beside a shut one is 1 and has no slope."
    ),
    "subtracted": Mistake(
        lambda number, tau: torch.stack([(number.sigmoid() - tau).relu(), (1 - number.sigmoid() - tau).relu()]),
        "You subtract tau. A gate that is open keeps its value; there is a jump at the threshold.",
    ),
}


def gate_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    at = 0.15 + 0.2 * float(torch.rand((), generator=rng))
    spread = torch.tensor([-4.0, -2.5, -0.4, 0.3, 2.5, 4.0])
    return [(spread + 0.1 * torch.rand(6, generator=rng), at), (3 * torch.randn(2, 5, generator=rng), 0.3)]


check_two_gates = Task(
    name="two gates",
    asks='answer(number: Float["*shape"], tau: float) -> Float["2 *shape"]: the image\'s gate, then the text\'s',
    right=_stacked,
    mistakes=GATE_MISTAKES,
    gradients=("number",),
    cases=gate_cases,
    praise="each gate is shut by itself, and where it is open it keeps its value and its slope.",
)


POINT_MISTAKES = {
    "negative": Mistake(
        lambda tau: -math.log((1 - tau) / tau), "That is where the image's gate shuts; the sign is wrong."
    ),
    "minus_log": Mistake(lambda tau: -math.log(tau), "sigma is not the exponential: solve 1 - sigma(h) = tau."),
    "log_of_rest": Mistake(lambda tau: -math.log(1 - tau), "You left out tau below the fraction bar."),
    "threshold": Mistake(lambda tau: 1 - tau, "That is the gate's value there. The number h is asked."),
    "fraction": Mistake(lambda tau: (1 - tau) / tau, "That is exp(h). Take the logarithm."),
    "base_ten": Mistake(lambda tau: math.log10((1 - tau) / tau), "The logarithm is the natural one."),
}


def point_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(0.1 + 0.1 * float(torch.rand((), generator=rng)),), (0.3,), (0.45,)]


check_closing_point = Task(
    name="where a gate shuts",
    asks="answer(tau: float) -> float: the h from which on the text's gate is 0",
    right=lambda tau: math.log((1 - tau) / tau),
    placeholder=lambda tau: 0.0,
    mistakes=POINT_MISTAKES,
    cases=point_cases,
    praise="below its negative it is the image's gate that is shut, and between them both are open.",
)
