"""Batches of image vectors with their captions' token ids. Chapter: 22_clipcap."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.checks import check_at_least
from vlm_lib.training.seeds import stream

IGNORE = -100


def caption_batches(
    features: Float[Tensor, "n *dims"], targets: Int[Tensor, "n tokens"], size: int, seed: int
) -> Callable[[int], tuple[Float[Tensor, "size *dims"], Int[Tensor, "size most"]]]:
    """step -> `size` pairs drawn at random, cut to the longest caption among them; -100 is padding.

    The same seed gives the same batches, whatever is trained on them. Raises: ValueError for another number of
    targets than of features, or size < 1.
    """
    if len(features) != len(targets):
        raise ValueError(f"targets: got {len(targets)} for {len(features)} features, expected one each")
    check_at_least("size", size, 1)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = stream(seed, f"captions {step}").integers(len(features), size=size)
        chosen = targets[rows]
        return features[rows], chosen[:, : int((chosen != IGNORE).sum(dim=1).max())]

    return batch
