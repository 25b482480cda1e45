"""Checkers for vector quantisation: the nearest code, the gradient through it, and the loss that ties both sides.

Source: van den Oord et al. 2017 (arXiv 1711.00937v2), section 3. Chapter: 13_cm3.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Look, Mistake, Task, no_loop
from vlm_lib.models.vq import nearest, straight_through


def _distances(vectors: Tensor, codebook: Tensor) -> Tensor:
    return (vectors[..., None, :] - codebook).square().sum(dim=-1)


NEAREST_MISTAKES = {
    "farthest": Mistake(
        lambda vectors, codebook: _distances(vectors, codebook).argmax(dim=-1), "That is the farthest code."
    ),
    "largest_product": Mistake(
        lambda vectors, codebook: (vectors @ codebook.T).argmax(dim=-1),
        "The largest product prefers long codes. The square of a code's own length belongs in the distance.",
    ),
    "largest_cosine": Mistake(
        lambda vectors, codebook: (F.normalize(vectors, dim=-1) @ F.normalize(codebook, dim=-1).T).argmax(dim=-1),
        "You compare directions. A code is near if the difference is short.",
    ),
    "product_once": Mistake(
        lambda vectors, codebook: (codebook.square().sum(dim=1) - vectors @ codebook.T).argmin(dim=-1),
        "The product enters twice: |z - e|^2 = |z|^2 - 2 z.e + |e|^2.",
    ),
    "vectors": Mistake(
        lambda vectors, codebook: codebook[nearest(vectors, codebook)],
        "You return the code's vector; asked for is its number.",
    ),
}


def nearest_cases(seed: int = 0) -> list[Case]:
    """Codes of very different lengths, in a row and in a grid of rows."""
    rng = torch.Generator().manual_seed(seed)
    codebook = torch.randn(9, 3, generator=rng) * torch.linspace(0.2, 3, 9)[:, None]
    return [
        (2 * torch.randn(40, 3, generator=rng), codebook),
        (2 * torch.randn(2, 16, 3, generator=rng), codebook),
    ]


check_nearest = Task(
    name="nearest code",
    asks='answer(vectors: Float["*batch dim"], codebook: Float["codes dim"]) -> Int["*batch"]',
    right=nearest,
    mistakes=NEAREST_MISTAKES,
    cases=nearest_cases,
    praise="each vector gets the number of the code that lies nearest.",
    demands=(no_loop(lambda seq: (torch.ones(seq, 3), torch.ones(4, 3))),),
)

PASS_MISTAKES = {
    "not_rounded": Mistake(
        lambda vectors, quantised: vectors, "The decoder is to be given the codes; you pass the vectors on."
    ),
    "added": Mistake(
        lambda vectors, quantised: vectors + quantised, "You add both; forward, the sum is to be the code."
    ),
    "halfway": Mistake(
        lambda vectors, quantised: (vectors + quantised) / 2,
        "You go half the way; the decoder needs the code itself.",
    ),
}
PASS_GRADIENT_MISTAKES = {
    "detached": Mistake(
        lambda vectors, quantised: quantised.detach(),
        "The result is right, but no gradient comes back through it.",
    ),
    "to_the_code": Mistake(
        lambda vectors, quantised: quantised + 0 * vectors,
        "The gradient goes to the code and none of it to the vectors: the encoder would learn nothing.",
    ),
    "to_both": Mistake(
        lambda vectors, quantised: quantised + vectors - vectors.detach(),
        "The gradient reaches the code as well. It is to reach the vectors alone: detach what the code adds.",
    ),
}


def pass_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(2, 5, 3, generator=rng), torch.randn(2, 5, 3, generator=rng))]


def _both_gradients(answer: Callable, vectors: Tensor, quantised: Tensor) -> Tensor:
    """What comes back to the vectors and to the codes, 0 where nothing does."""
    inputs = [vectors.clone().requires_grad_(), quantised.clone().requires_grad_()]
    out = answer(*inputs)
    if not out.requires_grad:
        return torch.zeros(2, *vectors.shape)
    return torch.stack(torch.autograd.grad(out.square().sum(), inputs, materialize_grads=True))


check_straight_through = Task(
    name="straight-through",
    asks="answer(vectors, quantised) -> forward the quantised, backward as if they were the vectors",
    right=straight_through,
    mistakes=PASS_MISTAKES,
    then=[Look(PASS_GRADIENT_MISTAKES, use=_both_gradients)],
    cases=pass_cases,
    praise="forward the codes, backward as if nothing had been rounded.",
)


def _loss(vectors: Tensor, chosen: Tensor, beta: float) -> Tensor:
    return F.mse_loss(chosen, vectors.detach()) + beta * F.mse_loss(vectors, chosen.detach())


LOSS_MISTAKES = {
    "no_commitment": Mistake(
        lambda vectors, chosen, beta: F.mse_loss(chosen, vectors.detach()),
        "The second term is missing: nothing keeps the encoder near its codes.",
    ),
    "summed": Mistake(
        lambda vectors, chosen, beta: _loss(vectors, chosen, beta) * vectors.numel(),
        "You sum; asked for is the mean over all numbers.",
    ),
    "by_batch": Mistake(
        lambda vectors, chosen, beta: _loss(vectors, chosen, beta) * vectors.shape[-1],
        "You divide by the number of vectors; asked for is the mean over all numbers.",
    ),
    "subtracted": Mistake(
        lambda vectors, chosen, beta: (
            F.mse_loss(chosen, vectors.detach()) - beta * F.mse_loss(vectors, chosen.detach())
        ),
        "The second term is added, not subtracted.",
    ),
}
LOSS_GRADIENT_MISTAKES = {
    "beta_on_the_code": Mistake(
        lambda vectors, chosen, beta: (
            F.mse_loss(vectors, chosen.detach()) + beta * F.mse_loss(chosen, vectors.detach())
        ),
        "The value is right, the gradients are exchanged: beta weighs the term that moves the encoder.",
    ),
    "no_stop": Mistake(
        lambda vectors, chosen, beta: (1 + beta) * F.mse_loss(vectors, chosen),
        "The value is right, but each term moves both sides. Hold the other side fixed with detach.",
    ),
}


def loss_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    vectors, chosen = torch.randn(2, 6, 4, generator=rng), torch.randn(2, 6, 4, generator=rng)
    return [(vectors, chosen, 0.25), (vectors, chosen, 0.5)]


check_vq_loss = Task(
    name="the quantiser's loss",
    asks='answer(vectors, chosen, beta) -> Float[""]: |sg(z) - e|^2 + beta |z - sg(e)|^2, each a mean',
    right=_loss,
    mistakes=LOSS_MISTAKES,
    gradients=("vectors", "chosen"),
    gradient_mistakes=LOSS_GRADIENT_MISTAKES,
    cases=loss_cases,
    praise="codes are drawn to the encoder, the encoder to its codes, beta weighs the latter.",
)
