"""Checkers for MERLOT's ordering loss: labels of pairs, their weights, and the loss.

Source: model/modeling.py (rowanz/merlot). Chapter: 33_merlot.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.losses.ordering import ordering_loss, pair_labels


def _labels(videos: Tensor, same: int = 1, before: int = 2, after: int = 3, apart: int | None = 0) -> Tensor:
    time = torch.arange(videos.shape[1])
    order = torch.where(time[:, None] < time, before, after).fill_diagonal_(same).expand(len(videos), -1, -1)
    together = videos[:, :, None] == videos[:, None]
    return order.clone() if apart is None else torch.where(together, order, apart)


LABEL_MISTAKES = {
    "turned": Mistake(
        lambda videos: _labels(videos, before=3, after=2),
        "Before and after are exchanged: the row is asked about, so entry (0, 1) is 2, `row before column`.",
    ),
    "no_other_video": Mistake(
        lambda videos: _labels(videos, apart=None),
        "Segments of different videos have no order: their label is 0.",
    ),
    "diagonal_zero": Mistake(
        lambda videos: _labels(videos, same=0),
        "A segment is the same as itself: 1 on the diagonal. 0 is for different videos.",
    ),
    "counted_from_zero": Mistake(
        lambda videos: _labels(videos, same=0, before=1, after=2, apart=3),
        "Your classes are counted otherwise: 0 other video, 1 same, 2 before, 3 after.",
    ),
    "two_classes": Mistake(
        lambda videos: _labels(videos, same=2, before=2, after=3),
        "A segment does not come before itself: the diagonal is 1.",
    ),
}


def label_cases(seed: int = 0) -> list[Case]:
    """Groups of one video and of two, of several lengths."""
    rng = torch.Generator().manual_seed(seed)
    names = torch.randperm(90, generator=rng)[:3]
    cut = 1 + int(torch.randint(3, (1,), generator=rng))
    mixed = names[torch.stack([torch.zeros(5, dtype=torch.long), 1 + (torch.arange(5) >= cut).long()])]
    return [(mixed,), (names[torch.tensor([[2, 2, 1, 1]])],)]


check_pair_labels = Task(
    name="labels of pairs",
    asks='answer(videos: Int["batch segments"]) -> Int["batch segments segments"], classes 0 to 3',
    right=pair_labels,
    mistakes=LABEL_MISTAKES,
    cases=label_cases,
    praise="the same segment, before, after, and another video each have their number.",
)


def _weights(places: Tensor, segments: int) -> Tensor:
    hidden = places >= segments
    return torch.where(hidden[:, :, None] | hidden[:, None], 1.0, 0.01)


WEIGHT_MISTAKES = {
    "both_hidden": Mistake(
        lambda places, segments: torch.where(
            (places >= segments)[:, :, None] & (places >= segments)[:, None], 1.0, 0.01
        ),
        "You ask that both frames are hidden. A pair is easy only if neither is: one hidden frame makes it hard.",
    ),
    "inverted": Mistake(
        lambda places, segments: 1.01 - _weights(places, segments),
        "The weights are exchanged: the small one is for pairs whose places are both told.",
    ),
    "off_by_one": Mistake(
        lambda places, segments: _weights(places, segments + 1),
        "The first hidden place is `segments` itself: 0 to segments - 1 are told, the rest is hidden.",
    ),
    "a_constant": Mistake(
        lambda places, segments: _weights(places, 64),
        "Every pair gets 0.01. You compare with a constant, as the released code does; compare with `segments`.",
    ),
    "zero": Mistake(
        lambda places, segments: (_weights(places, segments) == 1).float(),
        "Easy pairs get the weight 0. They are to keep 0.01.",
    ),
    "rows_only": Mistake(
        lambda places, segments: torch.where((places >= segments)[:, :, None], 1.0, 0.01).expand(
            -1, -1, places.shape[1]
        ),
        "You look at the row's frame alone. The column's may be hidden too.",
    ),
}


def weight_cases(seed: int = 0) -> list[Case]:
    """Some frames hidden, the first hidden number among them; none hidden; all hidden."""
    rng = torch.Generator().manual_seed(seed)
    one = torch.arange(4)
    some = torch.where(torch.tensor([True, False, False, True]), 4 + torch.tensor([0, 0, 0, 2]), one)
    order = torch.randperm(4, generator=rng)
    return [(torch.stack([some, one]), 4), (torch.stack([4 + order, some[order]]), 4)]


check_pair_weights = Task(
    name="weights of pairs",
    asks='answer(places: Int["batch segments"], segments: int) -> Float["batch segments segments"]: 1 or 0.01',
    right=_weights,
    mistakes=WEIGHT_MISTAKES,
    cases=weight_cases,
    praise="a pair is easy where both places are told, and only there.",
)


def _each(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 2), labels.flatten(), reduction="none")


LOSS_MISTAKES = {
    "divided_by_weights": Mistake(
        lambda logits, labels, weights: (_each(logits, labels) * weights.flatten()).sum() / weights.sum(),
        "You divide by the sum of the weights. Here the mean is over all pairs, easy ones included.",
    ),
    "no_weights": Mistake(
        lambda logits, labels, weights: _each(logits, labels).mean(), "The weights are not used."
    ),
    "summed": Mistake(
        lambda logits, labels, weights: (_each(logits, labels) * weights.flatten()).sum(),
        "You sum over the pairs. Take the mean.",
    ),
    "hard_only": Mistake(
        lambda logits, labels, weights: _each(logits, labels)[weights.flatten() == 1].mean(),
        "Easy pairs are left out. They count a little: 0.01.",
    ),
    "columns_first": Mistake(
        lambda logits, labels, weights: (_each(logits, labels.mT.contiguous()) * weights.flatten()).mean(),
        "The labels are turned: row and column are exchanged.",
    ),
}


def loss_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 4, 4, 4, generator=rng)
    labels = pair_labels(torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]]))
    hidden = torch.tensor([[False, True, False, False], [False, False, False, True]])
    weights = torch.where(hidden[:, :, None] | hidden[:, None], 1.0, 0.01)
    return [(logits, labels, weights), (3 * logits.flip(0), labels, weights.flip(0))]


check_ordering_loss = Task(
    name="the ordering loss",
    asks="answer(logits [batch n n 4], labels [batch n n], weights [batch n n]) -> scalar",
    right=ordering_loss,
    mistakes=LOSS_MISTAKES,
    gradients=("logits",),
    cases=loss_cases,
    praise="hard pairs count a hundred times as much as easy ones, and the mean is over all.",
)
