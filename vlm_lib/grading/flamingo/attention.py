"""Checker for masked cross-attention with rows that see nothing: values first, then gradients.

Source: Flamingo, section 2.3 (arXiv 2204.14198v2). Chapter: 34_flamingo.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


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


ATTENTION_MISTAKES = {
    "nan_rows": Mistake(
        lambda q, k, v, mask: _softmax(_scores(q, k), mask, -torch.inf) @ v,
        "NaN in rows with no image: a softmax over nothing is 0/0. Such a row has nothing to add: it must be 0.",
    ),
    "mean_rows": Mistake(
        lambda q, k, v, mask: _softmax(_scores(q, k), mask, torch.finfo(q.dtype).min) @ v,
        "Rows without an image return the mean of all values: with every score equally low, softmax is uniform. "
        "They must be 0.",
    ),
    "no_mask": Mistake(
        lambda q, k, v, mask: _scores(q, k).softmax(-1) @ v, "Your result does not depend on the mask."
    ),
    "mask_after_softmax": Mistake(
        lambda q, k, v, mask: (_scores(q, k).softmax(-1) * mask) @ v,
        "You mask after the softmax: the weights that are left no longer add up to 1.",
    ),
    "score_zero": Mistake(
        lambda q, k, v, mask: (_scores(q, k) * mask).softmax(-1) @ v,
        "You set forbidden scores to 0. After the softmax a score of 0 still has weight.",
    ),
    "no_scale": Mistake(
        lambda q, k, v, mask: _right_attention(q * q.shape[-1] ** 0.5, k, v, mask),
        "You forgot to divide the scores by the square root of dim.",
    ),
    "scale_dim": Mistake(
        lambda q, k, v, mask: _right_attention(q / q.shape[-1] ** 0.5, k, v, mask),
        "You divide the scores by dim, not by its square root.",
    ),
    "inverted": Mistake(
        lambda q, k, v, mask: _right_attention(q, k, v, ~mask),
        "You use the mask the wrong way round: True means 'may attend'.",
    ),
    "softmax_over_text": Mistake(
        lambda q, k, v, mask: _softmax(_scores(q, k), mask, torch.finfo(q.dtype).min, dim=-2) @ v,
        "Your softmax runs over the text positions; each text position spreads its own weight over visual tokens.",
    ),
}
NAN_GRADIENT = (
    "The result is right, but the gradient is NaN: replacing NaN afterwards hides it on the way forward only. "
    "Keep the softmax itself from seeing an empty row."
)


def attention_cases(seed: int = 0) -> list[Case]:
    """Random q, k, v; one row sees everything, one nothing, one a single token, the others a random part."""
    rng = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(2, length, 6, generator=rng) for length in (5, 4, 4))
    mask = torch.rand(2, 5, 4, generator=rng) < 0.5
    mask[:, 0], mask[:, 1], mask[:, 2] = False, True, torch.tensor([False, False, True, False])
    return [(2 * q, k, v, mask), (q[:1], k[:1], v[:1], torch.zeros_like(mask[:1])), (q, k, v, ~mask)]


check_masked_attention = Task(
    name="masked attention",
    asks='answer(q, k, v, mask) -> Float["batch text dim"]: rows that may see nothing are 0, gradient included',
    right=_right_attention,
    mistakes=ATTENTION_MISTAKES,
    gradients=("q", "k", "v"),
    gradient_mistakes={"nan_gradient": Mistake(_cleaned, NAN_GRADIENT, also=(_additive,))},
    cases=attention_cases,
    praise="values and gradients agree, and rows that see nothing are exactly 0.",
)
