"""Flamingo from parts that others trained: an open_clip vision tower and any causal LM with its own tokenizer.

The classes are those of the toy; only sizes and weights differ. Chapter: 34_flamingo, "At full scale".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from vlm_lib.data.tokenizer import BOS, EOC, IMAGE, PAD
from vlm_lib.models.flamingo import Flamingo
from vlm_lib.models.new_tokens import grow_vocabulary
from vlm_lib.models.towers import PatchTokens


def flamingo_from(
    visual: nn.Module,
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    **options,
) -> Flamingo:
    """Join a tower and an LM; `options` are those of `Flamingo`.

    `tokenizer` learns those of the tags <bos> <image> <eoc> <pad> that it lacks. Their rows
    are trained, and of the LM nothing else. (In the paper <image> is plain text, and <EOC>
    the one token that is new and learnt: section 3.2.1 of arXiv 2204.14198v1. Here the tag
    is one token, so that its position is found by its number.)
    Raises: ValueError for a slow tokenizer, or as `Flamingo` does.
    """
    if not tokenizer.is_fast:
        kind = type(tokenizer).__name__
        raise ValueError(f"tokenizer: got the slow {kind}, expected a fast one")
    known = len(tokenizer)
    added = tokenizer.add_tokens([BOS, IMAGE, EOC, PAD], special_tokens=True)
    tokenizer.pad_token = PAD
    new_rows = grow_vocabulary(lm, known, added) if added else []
    tower, device = PatchTokens(visual), next(visual.parameters()).device
    with torch.no_grad():
        blank = torch.zeros(1, 3, *visual.image_size, device=device)
        media_dim = tower(blank).shape[-1]
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    model = Flamingo(tower, lm, media_dim=media_dim, image_token_id=image, **options)
    for rows in new_rows:
        rows.requires_grad_(True)
    return model


def pixels(images: UInt8[Tensor, "*n 3 h w"], size: tuple[int, int]) -> Float[Tensor, "*n 3 height width"]:
    """Resize (bicubic) and normalise as OpenAI's and most of open_clip's towers expect it."""
    flat = images.flatten(0, -4).float() / 255
    flat = F.interpolate(flat, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = (
        torch.tensor(x, device=flat.device)[:, None, None] for x in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    )
    return ((flat - mean) / std).unflatten(0, images.shape[:-3])
