"""Checkers for the self-ensemble: a sum of two heads, as one matrix, and as a product of chances.

Source: Luo et al. 2022, the equation of the logits (arXiv 2201.12723). Chapter: 32_vc_gpt.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _two_heads(h_language: Tensor, h_fuse: Tensor, w_language: Tensor, w_fuse: Tensor) -> Tensor:
    return h_language @ w_language.T + h_fuse @ w_fuse.T


HEADS_MISTAKES = {
    "concatenated": Mistake(
        lambda a, b, v, w: torch.cat([a @ v.T, b @ w.T], dim=-1),
        "You put the two outputs side by side, so each word has two scores. Add them.",
    ),
    "averaged": Mistake(
        lambda a, b, v, w: _two_heads(a, b, v, w) / 2,
        "You take the mean of the two. The paper adds them: with W_fuse = 0 nothing but GPT-2 must be left.",
    ),
    "one_head": Mistake(
        lambda a, b, v, w: (a + b) @ v.T,
        "You add the states and use W_G for both. The fusion has a matrix of its own.",
    ),
    "exchanged": Mistake(
        lambda a, b, v, w: a @ w.T + b @ v.T,
        "The matrices are exchanged: W_G belongs to the language model's states.",
    ),
    "fusion_alone": Mistake(
        lambda a, b, v, w: b @ w.T,
        "That is VC-GPT without self-ensemble: the language model's own term is missing.",
    ),
}


def head_cases(seed: int = 0) -> list[Case]:
    """States [batch seq dim] of both parts and two matrices [vocab dim]."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng)  # noqa: E731
    return [
        (draw(2, 3, 4), draw(2, 3, 4), draw(6, 4), draw(6, 4)),
        (draw(1, 5, 3), draw(1, 5, 3), draw(7, 3), draw(7, 3)),
    ]


check_two_heads = Task(
    name="two heads",
    asks='answer(h_language: Float["batch seq dim"], h_fuse, w_language: Float["vocab dim"], w_fuse) '
    '-> Float["batch seq vocab"]',
    right=_two_heads,
    mistakes=HEADS_MISTAKES,
    gradients=("h_language", "h_fuse", "w_language", "w_fuse"),
    cases=head_cases,
    praise="two linear maps, added word by word.",
)


def _one_matrix(w_language: Tensor, w_fuse: Tensor) -> Tensor:
    return torch.cat([w_language, w_fuse], dim=1)


MATRIX_MISTAKES = {
    "stacked": Mistake(
        lambda v, w: torch.cat([v, w], dim=0),
        "Stacked along the words the matrix has twice as many outputs. Put the two side by side.",
    ),
    "added": Mistake(lambda v, w: v + w, "The sum of the matrices would read the sum of the states."),
    "exchanged": Mistake(
        lambda v, w: torch.cat([w, v], dim=1),
        "The order is exchanged: the language model's states stand first.",
    ),
    "block": Mistake(
        lambda v, w: torch.block_diag(v, w),
        "A block matrix keeps the two outputs apart. They are to be added.",
    ),
}


def matrix_cases(seed: int = 0) -> list[Case]:
    """Two matrices [vocab dim]."""
    rng = torch.Generator().manual_seed(seed)
    return [
        tuple(torch.randn(vocab, dim, generator=rng) for _ in range(2)) for vocab, dim in ((6, 4), (9, 2), (3, 3))
    ]


check_one_matrix = Task(
    name="one matrix",
    asks='answer(w_language: Float["vocab dim"], w_fuse: Float["vocab dim"]) -> Float["vocab 2*dim"]',
    right=_one_matrix,
    mistakes=MATRIX_MISTAKES,
    cases=matrix_cases,
    praise="one matrix on the concatenated states does what two heads do whose outputs are added.",
)


def _product(p_language: Tensor, p_fuse: Tensor) -> Tensor:
    both = p_language * p_fuse
    return both / both.sum(dim=-1, keepdim=True)


PRODUCT_MISTAKES = {
    "mean": Mistake(
        lambda p, q: (p + q) / 2,
        "You average the chances. Adding logits multiplies them: either part can rule a word out.",
    ),
    "not_normalised": Mistake(lambda p, q: p * q, "The products do not sum to 1. Divide by their sum."),
    "softmax_again": Mistake(
        lambda p, q: (p * q).softmax(dim=-1),
        "A softmax of the products raises e to them. Divide by their sum.",
    ),
    "softmax_of_sum": Mistake(
        lambda p, q: (p + q).softmax(dim=-1),
        "You add chances before the softmax. It is their logarithms that are added.",
    ),
    "over_all": Mistake(
        lambda p, q: p * q / (p * q).sum(),
        "You divide by the sum over all positions. Each position has its own.",
    ),
}


def product_cases(seed: int = 0) -> list[Case]:
    """Chances [seq vocab] by the language model and by the fusion."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: (2 * torch.randn(*shape, generator=rng)).softmax(dim=-1)  # noqa: E731
    return [(draw(3, 5), draw(3, 5)), (draw(2, 8), draw(2, 8))]


check_product = Task(
    name="product of chances",
    asks='answer(p_language: Float["seq vocab"], p_fuse: Float["seq vocab"]) -> Float["seq vocab"]',
    right=_product,
    mistakes=PRODUCT_MISTAKES,
    cases=product_cases,
    praise="the sum of logits is the product of chances, made to sum to 1 again.",
)
