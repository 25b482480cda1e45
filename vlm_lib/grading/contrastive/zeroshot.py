"""Checker for a zero-shot classifier whose classes are described by several prompts each.

Source: CLIP, section 3.1.4 (arXiv 2103.00020). Chapter: 02_contrastive.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task

SCORES = "a score for each image and class"


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def _nearest(images: Tensor, class_vectors: Tensor) -> Tensor:
    return (images @ class_vectors.T).argmax(1)


def _right(images: Tensor, prompts: Tensor) -> Tensor:
    return _nearest(images, _unit(_unit(prompts).mean(1)))


def _classes_of(prompts: Tensor) -> Tensor:
    return torch.arange(len(prompts)).repeat_interleave(prompts.shape[1])


def _vote(images: Tensor, prompts: Tensor) -> Tensor:
    """Each prompt position names a class; the most frequent one wins."""
    votes = torch.stack([_nearest(images, _unit(prompts[:, at])) for at in range(prompts.shape[1])])
    return votes.mode(0).values


ZERO_SHOT_MISTAKES = {
    "not_normalised_again": Mistake(
        lambda images, prompts: _nearest(images, _unit(prompts).mean(1)),
        "You do not normalise the average again (averaging the prompts' cosines comes to the same). The "
        "mean of unit vectors is shorter the more they disagree, so a class with varied prompts is "
        "predicted too rarely.",
    ),
    "averaged_raw": Mistake(
        lambda images, prompts: _nearest(images, _unit(prompts.mean(1))),
        "You average the prompts before you normalise each: a prompt with a long vector outvotes the others.",
    ),
    "nothing_normalised": Mistake(
        lambda images, prompts: _nearest(images, prompts.mean(1)),
        "You normalise neither the single prompts nor their average: length decides along with direction.",
    ),
    "normalised_over_prompts": Mistake(
        lambda images, prompts: _nearest(images, _unit(F.normalize(prompts).mean(1))),
        "You normalise along dim=1, which F.normalize does unless told otherwise. Here that is the axis of "
        "the prompts; the embedding is the last axis.",
    ),
    "averaged_over_classes": Mistake(
        lambda images, prompts: _nearest(images, _unit(_unit(prompts).mean(0))),
        "You average over the classes: what is left is one vector for each prompt. Average over the prompts.",
    ),
    "first_prompt": Mistake(
        lambda images, prompts: _nearest(images, _unit(prompts[:, 0])),
        "Only the first prompt of each class counts.",
    ),
    "best_prompt": Mistake(
        lambda images, prompts: _classes_of(prompts)[_nearest(images, _unit(prompts).flatten(0, 1))],
        "You let the nearest single prompt decide. The classifier has one vector for each class, their average.",
    ),
    "prompt_number": Mistake(
        lambda images, prompts: _nearest(images, _unit(prompts).flatten(0, 1)),
        "You return the number of the nearest prompt among all. Expected the number of a class.",
    ),
    "vote": Mistake(
        _vote,
        "You let the prompts vote on the class. The classifier has one vector for each class, their average.",
    ),
    "farthest": Mistake(
        lambda images, prompts: (images @ _unit(_unit(prompts).mean(1)).T).argmin(1),
        "You pick the class that is farthest away: a large cosine means near.",
    ),
    "image_of_each_class": Mistake(
        lambda images, prompts: (_unit(images) @ _unit(_unit(prompts).mean(1)).T).argmax(0),
        "You pick an image for each class. Expected a class for each image: the maximum along the other axis.",
    ),
    "scores": Mistake(
        lambda images, prompts: images @ _unit(_unit(prompts).mean(1)).T,
        "You return a score for each image and class. Expected labels: the number of the best class of each "
        "image.",
    ),
}


def zero_shot_cases(seed: int = 0) -> list[Case]:
    """Many images against classes whose prompts agree or not and have all lengths; and the sheet's example."""
    rng = torch.Generator().manual_seed(seed)
    spread = torch.linspace(0.2, 2.0, 5)[torch.randperm(5, generator=rng)]
    prompts = torch.randn(5, 1, 4, generator=rng) + spread[:, None, None] * torch.randn(5, 3, 4, generator=rng)
    lengths = (1.2 * torch.randn(5, 3, 1, generator=rng)).exp()
    by_hand = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.8, 0.6], [-0.8, 0.6]]])
    return [
        (torch.randn(80, 4, generator=rng), lengths * prompts),
        (torch.tensor([[0.6, 0.8], [0.9, 0.1], [-0.3, 0.9]]), by_hand),
    ]


def _labels(answer: Callable, image_features: Tensor, prompt_features: Tensor) -> Any:
    """What the answer gives; scores become one word: cosines, logits and probabilities are one mistake."""
    out = answer(image_features, prompt_features)
    scores = len(image_features), len(prompt_features)
    return SCORES if isinstance(out, Tensor) and out.is_floating_point() and out.shape == scores else out


check_zero_shot = Task(
    name="zero-shot classifier",
    asks='answer(image_features, prompt_features) -> Int["images"], the number of each image\'s class; '
    "image_features is [images dim], prompt_features [classes prompts dim], neither is normalised",
    right=_right,
    use=_labels,
    mistakes=ZERO_SHOT_MISTAKES,
    cases=zero_shot_cases,
    praise="each prompt counts alike, and each class has a vector of length 1.",
)
