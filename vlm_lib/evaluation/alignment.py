"""Do two sets of vectors mean the same? Measures that ignore more and more of how the vectors are written down.

`retrieval` asks for the same coordinates, `procrustes_fit` for the same up to a rotation, `linear_cka` only for
the same geometry. Sources: CKA, Kornblith et al. 2019, section 3 (arXiv 1905.00414); orthogonal Procrustes,
Schoenemann 1966. Chapter: 22_clipcap.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from vlm_lib.checks import require_shape
from vlm_lib.evaluation.retrieval import recall_at_k


def retrieval(x: Float[Tensor, "n dim"], y: Float[Tensor, "n dim"], k: int = 1) -> float:
    """The share of rows of x whose own row of y is among the k nearest, by cosine, each side centred.

    Chance is k / n. Raises: ValueError for other shapes.
    """
    require_shape("y", y, n=len(x), dim=x.shape[1])
    similarity = F.normalize(x - x.mean(dim=0), dim=1) @ F.normalize(y - y.mean(dim=0), dim=1).T
    return recall_at_k(similarity, k)


def linear_cka(x: Float[Tensor, "n a"], y: Float[Tensor, "n b"]) -> float:
    """Linear CKA, 0 to 1: |Y'X|^2 / (|X'X| |Y'Y|), centred. No rotation and no common scale changes it.

    Few rows beside many dimensions give high values to anything: compare with rows that do not belong together.
    Raises: ValueError for different numbers of rows.
    """
    require_shape("y", y, n=len(x), b=None)
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    cross, own_x, own_y = (torch.linalg.matrix_norm(m) for m in (y.T @ x, x.T @ x, y.T @ y))
    return float(cross.square() / (own_x * own_y))


def procrustes_fit(
    x: Float[Tensor, "n dim"],
    y: Float[Tensor, "n dim"],
    *,
    test: Float[Tensor, "m dim"],
    test_y: Float[Tensor, "m dim"],
) -> float:
    """The share of variance of `test_y` that the best rotation and scale from x to y explains; at most 1.

    Rotation, scale and means are fitted on (x, y); a value below 0 is worse than the mean. Raises: ValueError for
    other shapes.
    """
    require_shape("y", y, n=len(x), dim=x.shape[1])
    require_shape("test_y", test_y, m=len(test), dim=x.shape[1])
    mean_x, mean_y = x.mean(dim=0), y.mean(dim=0)
    u, singular, vh = torch.linalg.svd((x - mean_x).T @ (y - mean_y), full_matrices=False)
    scale = singular.sum() / (x - mean_x).square().sum()
    predicted = scale * (test - mean_x) @ u @ vh + mean_y
    return float(1 - (predicted - test_y).square().sum() / (test_y - mean_y).square().sum())


def nearest_words(
    vectors: Float[Tensor, "*batch dim"], table: Float[Tensor, "vocab dim"], k: int = 1
) -> Int[Tensor, "*batch k"]:
    """The numbers of the k rows of an embedding table that are nearest to each vector, by cosine, nearest first.

    Source: ClipCap, section 4.1, "Prefix interpretation" (arXiv 2111.09734).
    """
    return (F.normalize(vectors, dim=-1) @ F.normalize(table, dim=-1).T).topk(k, dim=-1).indices


def share_of_own_words(
    words: Int[Tensor, "n length"], texts: Sequence[set[int]], order: Sequence[int] | None = None
) -> float:
    """The share of words read off each image's vectors that stand in its text; or, by `order`, in another's.

    Raises: ValueError if there is not one text per image.
    """
    if len(texts) != len(words):
        raise ValueError(f"texts: got {len(texts)} for {len(words)} images, expected one each")
    order = range(len(texts)) if order is None else order
    hits = [word in texts[at] for row, at in zip(words.tolist(), order, strict=True) for word in row]
    return sum(hits) / len(hits)
