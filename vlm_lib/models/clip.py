"""A CLIP over the book's worlds: open_clip's model, pixels and sentences in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence

import open_clip
import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

from vlm_lib.data.scenes import as_float
from vlm_lib.models.towers import PatchTokens

MAX_LOGIT_SCALE = 100  # CLIP, section 2.5: beyond it training was seen to become unstable


class ContrastiveModel(nn.Module):
    """`clip` with the preprocessing and the tokenizer that it was trained with.

    Source: CLIP, section 2 (arXiv 2103.00020). Chapter: 02_contrastive.
    """

    def __init__(self, clip: open_clip.CLIP, tokenizer: PreTrainedTokenizerBase):
        super().__init__()
        self.clip, self.tokenizer = clip, tokenizer
        self.card = None  # the zoo fills in how the model was made and what was measured

    @property
    def device(self) -> torch.device:
        return self.clip.logit_scale.device

    @property
    def logit_scale(self) -> Float[Tensor, ""]:
        """1 / temperature, already exponentiated; at most 100."""
        return self.clip.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    @property
    def vision(self) -> VisionTokens:
        """The vision tower as a module from pixels to tokens; shares its weights with this model."""
        return VisionTokens(self.clip.visual)

    def encode_image(self, images: UInt8[Tensor, "n 3 64 64"]) -> Float[Tensor, "n dim"]:
        """Unit vectors. Raises: ValueError for other shapes or dtypes, or no image."""
        return self.clip.encode_image(_pixels(images, self.clip.visual), normalize=True)

    def encode_text(self, texts: Sequence[str]) -> Float[Tensor, "n dim"]:
        """Unit vectors. Raises: as `tokenize`."""
        return self.clip.encode_text(self.tokenize(texts).to(self.device), normalize=True)

    def image_tokens(self, images: UInt8[Tensor, "n 3 64 64"]) -> Float[Tensor, "n tokens width"]:
        """The tokens of the image grid in reading order, before pooling. Raises: as `encode_image`."""
        return self.vision(images)

    def tokenize(self, texts: Sequence[str]) -> Int[Tensor, "n context"]:
        """Word ids, each text ended by <eos>, whose output stands for the whole text, and padded to the context.

        Raises: ValueError for a bare string, no texts, or a text that is longer than the context.
        """
        return tokenize(texts, self.tokenizer, self.clip.context_length)


class VisionTokens(nn.Module):
    """The tokens of an open_clip vision tower as Flamingo and its kin read them: the last layer's grid.

    Pictures of the book's worlds come as uint8; floating-point pixels are taken as already preprocessed, for
    towers from `open_clip_model`. Raises: ValueError unless images have the tower's shape, [n 3 height
    width], n >= 1.
    """

    def __init__(self, visual: nn.Module):
        super().__init__()
        self.patches = PatchTokens(visual)

    def forward(self, images: Shaped[Tensor, "n 3 height width"]) -> Float[Tensor, "n tokens width"]:
        return self.patches(_pixels(images, self.patches.visual))


def tokenize(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, context: int) -> Int[Tensor, "n context"]:
    """Word ids with <eos> at the end, padded to `context`. Raises: as `ContrastiveModel.tokenize`."""
    if isinstance(texts, str) or len(texts) == 0:
        raise ValueError(f"texts: got {texts!r}, expected a non-empty list of strings")
    ended = [f"{text} {tokenizer.eos_token}" for text in texts]
    ids = tokenizer(ended, padding=True, return_tensors="pt").input_ids
    if ids.shape[1] > context:
        longest = texts[int((ids != tokenizer.pad_token_id).sum(dim=1).argmax())]
        raise ValueError(f"texts: {longest!r} is too long, expected at most {context - 1} words and signs")
    return F.pad(ids, (0, context - ids.shape[1]), value=tokenizer.pad_token_id)


def _pixels(images: Tensor, visual: nn.Module) -> Tensor:
    size = visual.image_size if isinstance(visual.image_size, tuple) else (visual.image_size,) * 2
    if images.ndim != 4 or tuple(images.shape[1:]) != (3, *size) or len(images) == 0:
        expected = f"[n 3 {size[0]} {size[1]}] with n >= 1"
        raise ValueError(f"images: got shape {list(images.shape)}, expected {expected}")
    images = images.to(next(visual.parameters()).device)
    return images if images.is_floating_point() else as_float(images)
