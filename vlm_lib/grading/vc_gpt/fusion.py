"""Checkers for the fusion on top: its cross-attention, what is left for it to say, and what tuning forgets.

Source: Luo et al. 2022 (arXiv 2201.12723). Chapter: 32_vc_gpt.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _on_top(states: Tensor, image: Tensor) -> Tensor:
    scores = states @ image.mT / states.shape[-1] ** 0.5
    return states + scores.softmax(dim=-1) @ image


def _roles_exchanged(states: Tensor, image: Tensor) -> Tensor:
    return image + (image @ states.mT / states.shape[-1] ** 0.5).softmax(dim=-1) @ states


def _masked(states: Tensor, image: Tensor) -> Tensor:
    scores = states @ image.mT / states.shape[-1] ** 0.5
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return states + scores.masked_fill(later, -torch.inf).softmax(dim=-1) @ image


ON_TOP_MISTAKES = {
    "no_residual": Mistake(
        lambda s, x: _on_top(s, x) - s,
        "The language model's state is lost: add what the attention brings to it.",
    ),
    "not_scaled": Mistake(
        lambda s, x: s + (s @ x.mT).softmax(dim=-1) @ x, "The scores are not divided by the root of dim."
    ),
    "wrong_axis": Mistake(
        lambda s, x: s + (s @ x.mT / s.shape[-1] ** 0.5).softmax(dim=-2) @ x,
        "Your weights sum to 1 over the words. Each word shares its attention among the places of the image.",
    ),
    "exchanged": Mistake(_roles_exchanged, "The image asks and the text answers. Here every word asks the image."),
    "causal": Mistake(
        _masked,
        "You hide places of the image from early words. The whole image may be seen from the first word on.",
    ),
}


def on_top_cases(seed: int = 0) -> list[Case]:
    """States [batch seq dim] of the language model, image tokens [batch places dim]."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    return [(draw(2, 3, 4), draw(2, 5, 4)), (draw(1, 6, 9), draw(1, 4, 9))]


check_on_top = Task(
    name="attention on top",
    asks='answer(states: Float["batch seq dim"], image: Float["batch places dim"]) -> Float["batch seq dim"]',
    right=_on_top,
    mistakes=ON_TOP_MISTAKES,
    gradients=("states", "image"),
    cases=on_top_cases,
    praise="every word asks the whole image, and keeps its own state.",
)


def _what_is_left(p_language: Tensor, p_both: Tensor) -> Tensor:
    left = p_both.log() - p_language.log()
    return left - left.mean(dim=-1, keepdim=True)


LEFT_MISTAKES = {
    "not_centred": Mistake(
        lambda p, q: q.log() - p.log(), "The scores of each position are to have mean 0; subtract it."
    ),
    "other_way": Mistake(
        lambda p, q: -_what_is_left(p, q),
        "The sign is wrong: a word that the image makes likelier gets a positive score.",
    ),
    "difference": Mistake(
        lambda p, q: (q - p) - (q - p).mean(dim=-1, keepdim=True),
        "You subtract chances. Logits are added, so subtract their logarithms.",
    ),
    "ratio": Mistake(
        lambda p, q: q / p - (q / p).mean(dim=-1, keepdim=True),
        "The ratio of the chances is right; its logarithm is the score.",
    ),
    "all_of_it": Mistake(
        lambda p, q: q.log() - q.log().mean(dim=-1, keepdim=True),
        "You let the fusion say everything. The language model's term is added to it, and counts twice then.",
    ),
}


def left_cases(seed: int = 0) -> list[Case]:
    """Chances [seq vocab] by the language model alone, and those that the sum is to have."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: (1.5 * torch.randn(*shape, generator=rng)).softmax(dim=-1)  # noqa: E731
    return [(draw(3, 5), draw(3, 5)), (draw(1, 7), draw(1, 7))]


check_what_is_left = Task(
    name="what is left to say",
    asks='answer(p_language: Float["seq vocab"], p_both: Float["seq vocab"]) -> Float["seq vocab"]',
    right=_what_is_left,
    mistakes=LEFT_MISTAKES,
    cases=left_cases,
    praise="the fusion need only say how much likelier the image makes each word.",
)


def _forgotten(before: Tensor, after: Tensor) -> Tensor:
    return after.log() - before.log()


FORGOTTEN_MISTAKES = {
    "difference": Mistake(
        lambda before, after: after - before, "A difference of perplexities is not in nats: take logarithms."
    ),
    "ratio": Mistake(lambda before, after: after / before, "The logarithm of this ratio is in nats."),
    "other_way": Mistake(
        lambda before, after: before.log() - after.log(), "The sign is wrong: forgetting is positive."
    ),
    "bits": Mistake(
        lambda before, after: (after / before).log2(), "That is in bits. Nats take the natural logarithm."
    ),
    "after_only": Mistake(
        lambda before, after: after.log(), "That is the loss afterwards. Subtract what it was before."
    ),
}


def forgotten_cases(seed: int = 0) -> list[Case]:
    """Perplexities of the same texts before and after tuning, for several models."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda n: 2 + 20 * torch.rand(n, generator=rng)  # noqa: E731
    return [(draw(4), draw(4)), (draw(2), draw(2))]


check_forgotten = Task(
    name="forgotten nats",
    asks='answer(before: Float["models"], after: Float["models"]) -> Float["models"]',
    right=_forgotten,
    mistakes=FORGOTTEN_MISTAKES,
    cases=forgotten_cases,
    praise="nats per token that the texts cost more than before.",
)
