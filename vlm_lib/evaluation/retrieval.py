"""Retrieval: how often the right partner is among the k nearest. Chapter: 02_contrastive."""

from jaxtyping import Float
from torch import Tensor

from vlm_lib.checks import check_at_least, require_finite, require_shape


def recall_at_k(similarity: Float[Tensor, "queries candidates"], k: int = 1) -> float:
    """The share of queries whose own candidate, the one of the same number, is among the k most similar.

    Ties count against the model: the own candidate's rank counts all candidates that are at least as similar, so
    a model that answers the same to everything is not rewarded. For the other direction hand in the transpose.
    Raises `ValueError` for fewer candidates than queries, a bad k, or values that are not finite.
    """
    require_shape("similarity", similarity, queries=None, candidates=None)
    require_finite("similarity", similarity)
    queries, candidates = similarity.shape
    if candidates < queries:
        raise ValueError(f"similarity has shape {[queries, candidates]}, expected a candidate for every query")
    k = check_at_least("k", k, 1)
    if k > candidates:
        raise ValueError(f"k: got {k}, expected at most the {candidates} candidates")
    own = similarity.diagonal()[:, None]
    rank = (similarity >= own).sum(dim=1)
    return float((rank <= k).float().mean())
