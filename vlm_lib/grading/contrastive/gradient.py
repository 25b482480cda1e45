"""Checker for the gradient of the contrastive loss with respect to the similarities, in closed form.

The right values come from autograd, so the formula of the sheet is itself checked. Source: CLIP, section 2.3
(arXiv 2103.00020); what the temperature does: Wang and Liu 2021 (arXiv 2012.09740).
Chapter: 02_contrastive.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.grading.contrastive.parts import both_directions, diagonal, overflowing
from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.grading.kit.compare import attempt


def _right(similarity: Tensor, scale: float) -> Tensor:
    leaf = similarity.clone().requires_grad_()
    loss = sum(both_directions(scale * leaf, diagonal(leaf))) / 2
    return torch.autograd.grad(loss, leaf)[0]


def _closed(wrong: Callable) -> Callable:
    """A mistake as a formula of P (rows), Q (columns), the identity, the scale s and the batch size n."""

    def run(similarity: Tensor, scale: float) -> Tensor:
        logits = scale * similarity
        identity = torch.eye(len(logits))
        return wrong(logits.softmax(1), logits.softmax(0), identity, scale, len(logits))

    return run


GRADIENT_MISTAKES = {
    "no_scale": Mistake(
        _closed(lambda P, Q, eye, s, n: (P + Q - 2 * eye) / (2 * n)),
        "You forgot the factor scale in front: that is the gradient for the logits, and they are scale "
        "times the similarities (chain rule).",
    ),
    "over_scale": Mistake(
        _closed(lambda P, Q, eye, s, n: (P + Q - 2 * eye) / (2 * n * s)),
        "The factor in front is 1/scale here. The logits are scale times the similarities: it is scale.",
    ),
    "softmax_of_similarity": Mistake(
        lambda c, s: s * (c.softmax(1) + c.softmax(0) - 2 * torch.eye(len(c))) / (2 * len(c)),
        "Your softmax does not see the scale: it runs over the similarities instead of the logits.",
    ),
    "no_mean": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q - 2 * eye) / 2),
        "You forgot 1/n: the loss is a mean over the batch.",
    ),
    "no_half": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q - 2 * eye) / n),
        "Twice too large: the loss is the mean of the two directions, so there is a factor 1/2.",
    ),
    "no_half_no_mean": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q - 2 * eye)),
        "The factor 1/(2n) is missing: the loss is a mean over two directions and over the batch.",
    ),
    "mean_over_entries": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q - 2 * eye) / (2 * n * n)),
        "You divide by n squared. The loss has n terms in each direction, one for each row or column.",
    ),
    "rows_only": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P - eye) / n),
        "This is the gradient of one direction, images picking texts. The softmax down the columns is missing.",
    ),
    "half_of_rows": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P - eye) / (2 * n)),
        "Half of the gradient is there, that of images picking texts. Add what the columns contribute.",
    ),
    "columns_only": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (Q - eye) / n),
        "This is the gradient of one direction, texts picking images. The softmax along the rows is missing.",
    ),
    "half_of_columns": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (Q - eye) / (2 * n)),
        "Half of the gradient is there, that of texts picking images. Add what the rows contribute.",
    ),
    "wrong_sign": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (2 * eye - P - Q) / (2 * n)),
        "The sign is wrong: this is the step that training takes, minus the gradient.",
    ),
    "one_identity": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q - eye) / (2 * n)),
        "The diagonal is the target of both directions: subtract the identity twice.",
    ),
    "no_identity": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q) / (2 * n)),
        "Nothing pulls the right pairs together: the target, the identity, is missing.",
    ),
    "not_turned_back": Mistake(
        _closed(lambda P, Q, eye, s, n: s * (P + Q.T - 2 * eye) / (2 * n)),
        "The columns' softmax comes out transposed: after a softmax of the transposed logits, turn it back.",
    ),
    "overflow": Mistake(
        lambda c, s: s * (overflowing(s * c, 1) + overflowing(s * c, 0) - 2 * torch.eye(len(c))) / (2 * len(c)),
        "NaN at scale 100: exp(100) is more than float32 can hold. Use torch.softmax, which subtracts the "
        "maximum.",
    ),
}
BY_AUTOGRAD = "The values are right, but autograd computes them. The task is the formula."


def gradient_cases(seed: int = 0) -> list[Case]:
    """Cosines that are no symmetric matrix, at a small scale, and at 100 with a perfect pair and near rivals."""
    rng = torch.Generator().manual_seed(seed)
    similarity = 2 * torch.rand(4, 4, generator=rng) - 1
    sharp = 0.9 + 0.05 * torch.rand(3, 3, generator=rng)
    sharp[1, 1] = 1.0
    return [(similarity, 5.0), (similarity[:3, 1:], 0.5), (sharp, 100.0)]


def no_autograd(answer: Callable) -> str | None:
    """A message for an answer that has autograd record operations: it saves tensors, or fails as it must not."""
    saved = []
    recorder = torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(1) or x, lambda x: x)
    outcome = attempt(answer, gradient_cases()[0], recorder)
    return BY_AUTOGRAD if saved or outcome.error is not None else None


check_loss_gradient = Task(
    name="gradient of the loss",
    asks='answer(similarity: Float["batch batch"], scale: float) -> Float["batch batch"], without autograd',
    right=_right,
    mistakes=GRADIENT_MISTAKES,
    cases=gradient_cases,
    demands=[no_autograd],
    praise="right pairs are pulled, and each wrong pair is pushed by the probability that it was given.",
)
