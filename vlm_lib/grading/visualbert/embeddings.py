"""Checker for a region's embedding, f_o + f_s + f_p.

Source: VisualBERT, section 3.2 (arXiv 1908.03557). Chapter: 11_visualbert.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _right(
    features: Tensor, weight: Tensor, bias: Tensor, segment: Tensor, positions: Tensor, places: Tensor
) -> Tensor:
    return F.linear(features, weight, bias) + segment + positions[places]


def _by_order(
    features: Tensor, weight: Tensor, bias: Tensor, segment: Tensor, positions: Tensor, places: Tensor
) -> Tensor:
    order = torch.arange(features.shape[1]).expand_as(places) % len(positions)
    return _right(features, weight, bias, segment, positions, order)


EMBEDDING_MISTAKES = {
    "no_bias": Mistake(
        lambda o, w, b, s, table, places: _right(o, w, 0 * b, s, table, places),
        "The bias of the projection is missing: f_o = W o + b.",
    ),
    "no_segment": Mistake(
        lambda o, w, b, s, table, places: _right(o, w, b, 0 * s, table, places),
        "f_s is missing: every region gets the segment vector.",
    ),
    "no_position": Mistake(
        lambda o, w, b, s, table, places: F.linear(o, w, b) + s,
        "f_p is missing: add the row of `positions` that `places` names.",
    ),
    "first_row": Mistake(
        lambda o, w, b, s, table, places: _right(o, w, b, s, table, 0 * places),
        "Every region gets row 0 of the positions (the public code on captions). Here `places` says which row.",
    ),
    "by_order": Mistake(
        _by_order,
        "You give region k row k of the positions. The order of regions means nothing; `places` names the rows.",
    ),
    "mean": Mistake(
        lambda *case: _right(*case) / 3, "You take the mean of the three embeddings; a region is their sum."
    ),
    "joined": Mistake(
        lambda o, w, b, s, table, places: torch.cat(
            [F.linear(o, w, b), s.expand(*places.shape, -1), table[places]], dim=-1
        ),
        "You join the three embeddings end to end; a region is their sum, and as wide as each of them.",
    ),
    "normed": Mistake(
        lambda *case: F.layer_norm(_right(*case), case[1].shape[:1]),
        "You apply the layer norm already. It comes later, over words and regions together.",
    ),
    "only_features": Mistake(
        lambda o, w, b, s, table, places: F.linear(o, w, b), "That is f_o alone; f_s and f_p are missing."
    ),
}


def embedding_cases(seed: int = 0) -> list[Case]:
    """Two batches, with places out of order, some of them twice."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    places = torch.tensor([[3, 0, 3], [1, 2, 0]])
    shared = (draw(4, 5), draw(4), draw(4), draw(6, 4))
    return [(draw(2, 3, 5), *shared, places), (draw(1, 3, 5), *shared, places.flip(1)[:1])]


check_embed_regions = Task(
    name="region embedding",
    asks="answer(features, weight, bias, segment, positions, places) -> "
    'Float["batch regions dim"]: f_o + f_s + f_p',
    right=_right,
    mistakes=EMBEDDING_MISTAKES,
    gradients=("features", "weight", "segment", "positions"),
    cases=embedding_cases,
    praise="each region is the sum of what is in it, that it is a region, and where it is.",
)
