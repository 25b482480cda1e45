"""Attention masks of the book's systems. `True` means that the row's token may attend to the column's.

Chapters: 03_attention (all of them side by side), 34_flamingo (image index, last-image mask).
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from vlm_lib.checks import require_phi, require_shape


def image_index(is_image: Bool[Tensor, "batch seq"]) -> Int[Tensor, "batch seq"]:
    """phi: how many images stand at or before each position; 0 while there is none yet.

    The position of an image tag counts its own image. Source: Flamingo, section 2.3 (arXiv 2204.14198v2).
    Raises `ValueError` if `is_image` is not a boolean [batch seq] tensor. Chapter: 34_flamingo.
    """
    require_shape("is_image", is_image, batch=None, seq=None)
    if is_image.dtype != torch.bool:
        raise ValueError(f"is_image has dtype {is_image.dtype}, expected torch.bool")
    return is_image.cumsum(dim=1)


def causal_mask(seq: int, device: torch.device | str | None = None) -> Bool[Tensor, "seq seq"]:
    """Each position sees itself and all positions before it. Raises: ValueError for seq < 1.

    Chapter: 03_attention.
    """
    if seq < 1:
        raise ValueError(f"seq is {seq}, expected at least 1")
    return torch.ones(seq, seq, dtype=torch.bool, device=device).tril()


def prefix_lm_mask(prefix_len: Int[Tensor, " batch"], seq: int) -> Bool[Tensor, "batch seq seq"]:
    """Causal, except that the first `prefix_len` positions of each example also see one another both ways.

    Source: SimVLM, section 3.1 (arXiv 2108.10904). Raises `ValueError` if a prefix is negative or longer than
    the sequence. Chapter: 03_attention.
    """
    require_shape("prefix_len", prefix_len, batch=None)
    if prefix_len.is_floating_point() or prefix_len.dtype == torch.bool:
        raise ValueError(f"prefix_len has dtype {prefix_len.dtype}, expected integers")
    if int(prefix_len.min()) < 0 or int(prefix_len.max()) > seq:
        raise ValueError(f"prefix_len holds {prefix_len.tolist()}, expected lengths from 0 to seq={seq}")
    in_prefix = torch.arange(seq, device=prefix_len.device) < prefix_len[:, None]
    return causal_mask(seq, prefix_len.device) | (in_prefix[:, :, None] & in_prefix[:, None, :])


def _image_of_column(num_images: int, tokens_per_image: int, device: torch.device) -> Int[Tensor, " columns"]:
    return torch.arange(1, num_images + 1, device=device).repeat_interleave(tokens_per_image)


def last_image_mask(
    phi: Int[Tensor, "batch seq"], num_images: int, tokens_per_image: int
) -> Bool[Tensor, "batch seq images*tokens"]:
    """Each text position sees the visual tokens of image number phi and of no other; none where phi is 0.

    Source: Flamingo, section 2.3 (arXiv 2204.14198v2). Raises `ValueError` if phi decreases or exceeds
    `num_images`. Chapter: 34_flamingo.
    """
    require_shape("phi", phi, batch=None, seq=None)
    require_phi(phi, num_images)
    return phi.long()[:, :, None] == _image_of_column(num_images, tokens_per_image, phi.device)


def all_previous_images_mask(
    phi: Int[Tensor, "batch seq"], num_images: int, tokens_per_image: int
) -> Bool[Tensor, "batch seq images*tokens"]:
    """Each text position sees the visual tokens of every image that stands before it: numbers 1 to phi.

    The alternative of Flamingo's ablation, table 10, row (ii) (arXiv 2204.14198v2); errors and chapter as for
    `last_image_mask`.
    """
    require_shape("phi", phi, batch=None, seq=None)
    require_phi(phi, num_images)
    return phi.long()[:, :, None] >= _image_of_column(num_images, tokens_per_image, phi.device)
