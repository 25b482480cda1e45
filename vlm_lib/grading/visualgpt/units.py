"""Checkers for what is done with the gates: joining, the released code's variant, counting units, several layers.

Source: Chen et al. 2021 (arXiv 2102.10407) and the authors' released code. Chapter: 31_visualgpt.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.models.srau import gates


def _join(state: Tensor, seen: Tensor, tau: float) -> Tensor:
    image, text = gates(state, tau)
    return image * seen + text * state


JOIN_MISTAKES = {
    "residual": Mistake(
        lambda state, seen, tau: state + _join(state, seen, tau),
        "You add the state once more. The text's gate is the residual connection: shut, it lets nothing through.",
    ),
    "text_ungated": Mistake(
        lambda state, seen, tau: gates(state, tau)[0] * seen + state,
        "The state is added as it is. It has a gate of its own.",
    ),
    "exchanged": Mistake(
        lambda state, seen, tau: gates(state, tau)[1] * seen + gates(state, tau)[0] * state,
        "The gates are exchanged: sigma of the state weighs the image.",
    ),
    "number_from_image": Mistake(
        lambda state, seen, tau: gates(seen, tau)[0] * seen + gates(seen, tau)[1] * state,
        "You take the gates from what came from the image. In the paper's formula the state decides.",
    ),
    "no_threshold": Mistake(
        lambda state, seen, tau: _join(state, seen, 0.0), "The threshold is missing: these are sigmoid gates."
    ),
    "halved": Mistake(
        lambda state, seen, tau: _join(state, seen, tau) / 2, "You halve the sum. It stays as it is."
    ),
    "image_alone": Mistake(
        lambda state, seen, tau: gates(state, tau)[0] * seen,
        "The text's branch is missing: 1 - sigma of the state.",
    ),
}


def join_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: 2 * torch.randn(*shape, generator=rng)  # noqa: E731
    return [(draw(2, 3, 5), draw(2, 3, 5), 0.2), (draw(1, 4, 6), draw(1, 4, 6), 0.35)]


check_join = Task(
    name="joining text and image",
    asks="answer(state [batch seq width], seen [batch seq width], tau) -> [batch seq width]",
    right=_join,
    mistakes=JOIN_MISTAKES,
    gradients=("state", "seen"),
    cases=join_cases,
    praise="each unit takes text, image or both, as its own state decides.",
)


def _learned(state: Tensor, seen: Tensor, weight: Tensor, tau: float) -> Tensor:
    text, image = gates(torch.cat([state, seen], dim=-1) @ weight.T, tau)
    return image * seen + text * state


LEARNED_MISTAKES = {
    "from_the_state": Mistake(
        lambda state, seen, weight, tau: _join(state, seen, tau),
        "Your gates come from the state, as the paper writes. The code makes their number with `weight`.",
    ),
    "exchanged": Mistake(
        lambda state, seen, weight, tau: _learned(state, seen, -weight, tau),  # the gates mirror each other
        "In the code alpha weighs the text, and 1 - alpha the image.",
    ),
    "order": Mistake(
        lambda state, seen, weight, tau: _learned(state, seen, weight.roll(state.shape[-1], dims=1), tau),
        "You put the image first. The state comes first, then what was seen.",
    ),
    "residual": Mistake(
        lambda state, *case: state + _learned(state, *case),
        "You add the state once more. Its gate is the residual.",
    ),
    "no_threshold": Mistake(
        lambda state, seen, weight, tau: _learned(state, seen, weight, 0.0), "The threshold is missing."
    ),
    "no_sigmoid": Mistake(
        lambda state, seen, weight, tau: (
            (number := torch.cat([state, seen], dim=-1) @ weight.T) * state + (1 - number) * seen
        ),
        "The linear layer's output is no gate yet: the sigmoid is missing.",
    ),
}


def learned_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    return [
        (draw(2, 3, 5), draw(2, 3, 5), draw(5, 10), 0.2),
        (2 * draw(1, 4, 3), draw(1, 4, 3), draw(3, 6), 0.3),
    ]


check_learned_gates = Task(
    name="the released gates",
    asks="answer(state [batch seq width], seen (as state), weight [width 2*width], tau) -> [batch seq width]",
    right=_learned,
    mistakes=LEARNED_MISTAKES,
    gradients=("state", "seen", "weight"),
    cases=learned_cases,
    praise="state and image both have a say in what is kept.",
)


def _kinds(number: Tensor, tau: float) -> Tensor:
    image, text = (gate > 0 for gate in gates(number, tau))
    kinds = [text & ~image, text & image, image & ~text, ~text & ~image]
    return torch.stack([kind.float().mean() for kind in kinds])


KIND_MISTAKES = {
    "counts": Mistake(
        lambda number, tau: _kinds(number, tau) * number.numel(), "You count. Shares are asked, which sum to 1."
    ),
    "order": Mistake(
        lambda number, tau: _kinds(number, tau)[[2, 1, 0, 3]], "Language only comes first, vision only third."
    ),
    "overlapping": Mistake(
        lambda number, tau: torch.stack(
            [
                (gates(number, tau)[1] > 0).float().mean(),
                _kinds(number, tau)[1],
                (gates(number, tau)[0] > 0).float().mean(),
                _kinds(number, tau)[3],
            ]
        ),
        "A unit with both gates open is counted among `only` as well. The four kinds exclude each other.",
    ),
    "neither_forgotten": Mistake(
        lambda number, tau: _kinds(number, tau) * torch.tensor([1.0, 1.0, 1.0, 0.0]),
        "Above one half both gates can be shut: the last share is not always 0.",
    ),
    "by_sign": Mistake(
        lambda number, tau: torch.stack(
            [(number < 0).float().mean(), torch.zeros(()), (number > 0).float().mean(), torch.zeros(())]
        ),
        "You split by the sign of h. A gate is shut only where it is not above tau.",
    ),
    "percent": Mistake(lambda number, tau: 100 * _kinds(number, tau), "You give per cent. Shares are asked."),
}


def kind_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: 2 * torch.randn(*shape, generator=rng)  # noqa: E731
    return [(draw(4, 30) - 0.5, 0.2), (draw(3, 40) + 0.3, 0.65)]


check_kinds_of_units = Task(
    name="kinds of units",
    asks='answer(number: Float["*shape"], tau: float) -> Float["4"]: language only, both, vision only, neither',
    right=_kinds,
    placeholder=lambda number, tau: torch.zeros(4),
    mistakes=KIND_MISTAKES,
    cases=kind_cases,
    praise="every unit is of one kind, and the shares sum to 1.",
)


def _meshed(joined: Tensor) -> Tensor:
    return joined.sum(dim=0) / len(joined) ** 0.5


MESHED_MISTAKES = {
    "mean": Mistake(lambda joined: joined.mean(dim=0), "You take the mean. The sum is divided by the root."),
    "sum": Mistake(lambda joined: joined.sum(dim=0), "You only sum. Divide by the root of the number of layers."),
    "wrong_axis": Mistake(
        lambda joined: joined.sum(dim=0) / joined.shape[1] ** 0.5,
        "You divide by the root of the batch. It is the number of encoder layers.",
    ),
    "last": Mistake(lambda joined: joined[-1], "You keep the last encoder layer alone. All of them are read."),
    "multiplied": Mistake(
        lambda joined: joined.sum(dim=0) * len(joined) ** 0.5, "You multiply with the root. Divide by it."
    ),
}


def meshed_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(3, 2, 4, 5, generator=rng),), (torch.randn(4, 1, 2, 6, generator=rng),)]


check_meshed = Task(
    name="several encoder layers",
    asks='answer(joined: Float["layers batch seq width"]) -> Float["batch seq width"]',
    right=_meshed,
    mistakes=MESHED_MISTAKES,
    gradients=("joined",),
    cases=meshed_cases,
    praise="independent contributions keep their size, whatever their number.",
)
