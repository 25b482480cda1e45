"""Checker for recall@k: values without ties first, then whether ties can make a bad model look good.

Source: recall@k of image-text retrieval, as CLIP reports it for Flickr30k and COCO (arXiv 2103.00020).
Chapter: 02_contrastive.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Look, Mistake, Task

EPSILON = 1e-4  # less than one image in any case, more than rounding


def _ahead(similarity: Tensor, dim: int = 1) -> Tensor:
    """How many rivals score at least as much as the right one, for each row (dim 1) or column (dim 0)."""
    right = similarity.diagonal().unsqueeze(dim)
    return (similarity >= right).sum(dim) - 1


def _share(hits: Tensor) -> float:
    return hits.float().mean().item()


def _right(similarity: Tensor, k: int) -> float:
    return _share(_ahead(similarity) < k)


RECALL_MISTAKES = {
    "wrong_axis": Mistake(
        lambda similarity, k: _share(_ahead(similarity, dim=0) < k),
        "You rank images for each text. Rows are images: rank the texts along a row.",
    ),
    "both_axes": Mistake(
        lambda similarity, k: (_share(_ahead(similarity) < k) + _share(_ahead(similarity, dim=0) < k)) / 2,
        "You average over both directions. Asked is one: each image (row) looks for its text.",
    ),
    "right_one_of_column": Mistake(
        lambda similarity, k: _share((similarity > similarity.diagonal()).sum(1) < k),
        "You compare a score with the right one of its column. All of row i is compared with the right score of "
        "row i: broadcast the diagonal the other way.",
    ),
    "one_too_many": Mistake(
        lambda similarity, k: _share(_ahead(similarity) <= k),
        "Off by one: you let k rivals stand ahead, so the right text may be in place k + 1.",
    ),
    "one_too_few": Mistake(
        lambda similarity, k: _share(_ahead(similarity) + 1 < k),
        "Off by one: you count the right text among its own rivals. It is no rival of itself.",
    ),
    "top_one": Mistake(
        lambda similarity, k: _right(similarity, 1),
        "Your result does not depend on k: you ask for the first place only.",
    ),
    "place_k_only": Mistake(
        lambda similarity, k: _share(_ahead(similarity) == k - 1),
        "You count right texts in place k exactly. Places 1 to k all count.",
    ),
    "lowest": Mistake(
        lambda similarity, k: _right(-similarity, k),
        "You rank from the lowest score up. These are similarities: the highest is best.",
    ),
    "count": Mistake(
        lambda similarity, k: (_ahead(similarity) < k).float().sum(),
        "You return how many images hit; divide by the number of images.",
    ),
    "percent": Mistake(
        lambda similarity, k: 100 * _right(similarity, k),
        "You return percent; expected a fraction between 0 and 1.",
    ),
    "precision": Mistake(
        lambda similarity, k: _right(similarity, k) / k,
        "You divide by k. That is precision; each image has one right text, and recall asks whether it was found.",
    ),
    "one_per_image": Mistake(
        lambda similarity, k: _ahead(similarity) < k,
        "You return a hit or miss for each image. Recall is their mean, one number.",
    ),
    "mean_rank": Mistake(
        lambda similarity, k: (_ahead(similarity) + 1).float().mean(),
        "You return the mean rank. Recall@k is the share of images whose rank is at most k.",
    ),
}
TIE_MISTAKES = {
    "ties_in_favour": Mistake(
        lambda similarity, k: _share((similarity > similarity.diagonal()[:, None]).sum(1) < k),
        "Ties count for the model, or fall as the sort happens to leave them (argmax, topk, argsort). A "
        "model that gives every pair the same score has found nothing: a rival with an equal score stands "
        "ahead.",
    ),
    "ties_always_lose": Mistake(
        lambda similarity, k: _share(
            ((similarity == similarity.diagonal()[:, None]).sum(1) == 1) & (_ahead(similarity) < k)
        ),
        "With a tie you count a miss whatever k is. Equal rivals stand ahead, no more: with two of them the "
        "right text is in place 3, a hit for k = 3.",
    ),
}


def recall_cases(seed: int = 0) -> list[Case]:
    """Scores without ties; some texts are near to every image, so rows and columns rank differently."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(30, 30, generator=rng) + 2.5 * torch.eye(30) + 2 * torch.linspace(-1, 1, 30)
    order = torch.randperm(30, generator=rng)
    scores = scores[order][:, order]
    return [(scores, 1), (scores, 3), (scores[:12, :12], 2), (scores, 8), (scores, 27)]


def tie_cases(seed: int = 0) -> list[Case]:
    """A model that gives all pairs one score, and two in which rows have two or three equal scores at the top."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(9, 9, generator=rng)
    groups = torch.arange(9) // 3
    coarse = torch.where(groups[:, None] == groups, 2.0, coarse)
    return [(torch.zeros(6, 6), 1), (torch.ones(6, 6), 3), (coarse, 1), (coarse, 2), (coarse, 3)]


def _luck(answer: Callable, seed: int) -> int:
    """Whether ties make the answer too high (1) or too low (-1) over all cases of a seed; 0 if neither.

    A tie may fall in many ways: argmax, topk and sorting differ, and each is the same mistake.
    """
    gap = sum(float(answer(*case)) - _right(*case) for case in tie_cases(seed))
    return int(gap > EPSILON) - int(gap < -EPSILON)


check_recall = Task(
    name="recall@k",
    asks='answer(similarity: Float["images texts"], k: int) -> float: text i belongs to image i, and ties lose',
    right=_right,
    mistakes=RECALL_MISTAKES,
    then=[Look(TIE_MISTAKES, use=_luck, cases=lambda seed: [(seed,)])],
    cases=recall_cases,
    praise="the share of images whose text is among the k best, and a tie is no success.",
)
