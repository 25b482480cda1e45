"""Checkers for CoCa's joint loss, and for a comparison at equal compute.

Source: Yu et al. 2022, section 3.2 (arXiv 2205.01917). Chapter: 35_coca.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _directions(similarity: Tensor) -> tuple[Tensor, Tensor]:
    labels = torch.arange(len(similarity))
    return F.cross_entropy(similarity, labels), F.cross_entropy(similarity.T, labels)


def _caption(logits: Tensor, ids: Tensor, pad_id: int, *, shift: int = 1, pads: bool = False) -> Tensor:
    """Cross-entropy of the tokens from `shift` on. `logits` has a row for each token but the last."""
    targets = ids[:, shift : shift + logits.shape[1]]
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100 if pads else pad_id)


def _loss(similarity: Tensor, logits: Tensor, ids: Tensor, pad_id: int) -> Tensor:
    return sum(_directions(similarity)) + 2 * _caption(logits, ids, pad_id)


LOSS_MISTAKES = {
    "mean_of_directions": Mistake(
        lambda similarity, logits, ids, pad_id: (
            sum(_directions(similarity)) / 2 + 2 * _caption(logits, ids, pad_id)
        ),
        "You take the mean of both directions, as CLIP does. CoCa's equation 2 is their sum.",
    ),
    "one_direction": Mistake(
        lambda similarity, logits, ids, pad_id: 2 * _directions(similarity)[0] + 2 * _caption(logits, ids, pad_id),
        "Both terms ask which text belongs to an image. One is to ask which image belongs to a text.",
    ),
    "weights_exchanged": Mistake(
        lambda similarity, logits, ids, pad_id: 2 * sum(_directions(similarity)) + _caption(logits, ids, pad_id),
        "The weights are exchanged: the captioning loss has weight 2.",
    ),
    "equal_weights": Mistake(
        lambda similarity, logits, ids, pad_id: sum(_directions(similarity)) + _caption(logits, ids, pad_id),
        "Both losses have weight 1. The captioning loss has weight 2.",
    ),
    "padding_counts": Mistake(
        lambda similarity, logits, ids, pad_id: (
            sum(_directions(similarity)) + 2 * _caption(logits, ids, pad_id, pads=True)
        ),
        "Padding counts in the captioning loss.",
    ),
    "not_shifted": Mistake(
        lambda similarity, logits, ids, pad_id: (
            sum(_directions(similarity)) + 2 * _caption(logits, ids, pad_id, shift=0)
        ),
        "Each position is asked for its own token, which it sees. It predicts the one after it.",
    ),
    "caption_alone": Mistake(
        lambda similarity, logits, ids, pad_id: 2 * _caption(logits, ids, pad_id),
        "The contrastive loss is missing.",
    ),
    "contrast_alone": Mistake(
        lambda similarity, logits, ids, pad_id: sum(_directions(similarity)) + 0 * logits.sum(),
        "The captioning loss is missing.",
    ),
}


def loss_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    ids = torch.tensor([[1, 5, 6, 2, 0, 0], [1, 7, 4, 3, 2, 0], [1, 3, 2, 0, 0, 0]])
    return [
        (2 * torch.randn(3, 3, generator=rng), torch.randn(3, 5, 9, generator=rng), ids, 0),
        (torch.randn(2, 2, generator=rng), 2 * torch.randn(2, 5, 9, generator=rng), ids[:2], 0),
    ]


check_coca_loss = Task(
    name="CoCa's loss",
    asks="answer(similarity [batch batch], logits [batch seq-1 vocab], ids, pad_id) -> L_con + 2 L_cap",
    right=_loss,
    mistakes=LOSS_MISTAKES,
    gradients=("similarity", "logits"),
    cases=loss_cases,
    praise="both directions are summed, every word counts once, and the weights are the paper's.",
)


def _updates(updates: int, cost: float, other_cost: float) -> int:
    return round(updates * cost / other_cost)


UPDATES_MISTAKES = {
    "inverted": Mistake(
        lambda updates, cost, other_cost: round(updates * other_cost / cost),
        "The ratio is upside down: what costs less per update gets more of them.",
    ),
    "difference": Mistake(
        lambda updates, cost, other_cost: round(updates + cost - other_cost),
        "You add the difference of the costs to a number of updates: the units do not fit.",
    ),
    "rounded_ratio": Mistake(
        lambda updates, cost, other_cost: updates * round(cost / other_cost),
        "You round the ratio. Round the number of updates, at the end.",
    ),
    "cut_off": Mistake(
        lambda updates, cost, other_cost: math.floor(updates * cost / other_cost),
        "You cut off. The nearest whole number comes closest to equal compute.",
    ),
    "equal_updates": Mistake(
        lambda updates, cost, other_cost: updates,
        "These are equal updates, which is another comparison: the cheaper arm has then computed less.",
    ),
}


def updates_cases(seed: int = 0) -> list[Case]:
    """Ratios for which rounding down, and rounding the ratio, give something else."""
    rng = torch.Generator().manual_seed(seed)
    updates = 100 + int(torch.randint(10, (1,), generator=rng))
    return [(updates, updates + 0.7, 1.0 * updates / 1.4), (10, 3.0, 1.07), (updates, 2.6, 4.4 + 0.01)]


check_equal_updates = Task(
    name="equal compute",
    asks="answer(updates: int, cost: float, other_cost: float) -> int: the other arm's updates",
    right=_updates,
    placeholder=lambda updates, cost, other_cost: 0,
    mistakes=UPDATES_MISTAKES,
    cases=updates_cases,
    praise="both arms compute the same, up to one update.",
)
