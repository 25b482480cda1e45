"""A CLIP over the book's worlds: open_clip's model, pixels and sentences in, unit vectors out.

Source: CLIP, section 2 (arXiv 2103.00020). Chapter: 02_contrastive.
"""

from __future__ import annotations

import math
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
    """`clip` with the preprocessing and the tokenizer that it was trained with. Chapter: 02_contrastive."""

    def __init__(self, clip: open_clip.CLIP, tokenizer: PreTrainedTokenizerBase):
        super().__init__()
        self.clip, self.tokenizer = clip, tokenizer
        self.card = None  # the zoo fills in how the model was made and what was measured

    @property
    def device(self) -> torch.device:
        return self.clip.logit_scale.device

    @property
    def logit_scale(self) -> Float[Tensor, ""]:
        """1 / temperature, already exponentiated. Training keeps it below 100: see `clamp_logit_scale`."""
        return self.clip.logit_scale.exp()

    @property
    def vision_width(self) -> int:
        """The width of an image token, the last axis of `image_tokens`."""
        return self.clip.visual.positional_embedding.shape[-1]

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

    def score(self, images: UInt8[Tensor, "n 3 64 64"], texts: Sequence[str]) -> Float[Tensor, "images texts"]:
        """The cosine of each image with each text. Raises: as `encode_image` and `tokenize`."""
        return self.encode_image(images) @ self.encode_text(texts).T

    def image_tokens(self, images: UInt8[Tensor, "n 3 64 64"]) -> Float[Tensor, "n tokens width"]:
        """The tokens of the image grid in reading order, before pooling. Raises: as `encode_image`."""
        return self.vision(images)

    def tokenize(self, texts: Sequence[str]) -> Int[Tensor, "n context"]:
        """Word ids, each text ended by <eos>, whose output stands for the whole text, and padded to the context.

        Raises: ValueError for a bare string, no texts, or a text that is longer than the context.
        """
        return tokenize(texts, self.tokenizer, self.clip.context_length)


@torch.no_grad()
def clamp_logit_scale(log_scale: nn.Parameter) -> None:
    """After an update, bring a learned logarithm of the scale back to log 100 if it is above. In place.

    The parameter and not its use in the loss: a clamp in the forward pass has gradient 0 beyond its end, so that a
    scale that once got there would never come back. Source: CLIP, section 2.5, and its figure 3, `t`. Chapter:
    02_contrastive.
    """
    log_scale.clamp_(max=math.log(MAX_LOGIT_SCALE))


def small_clip(
    tokenizer: PreTrainedTokenizerBase,
    *,
    width: int = 96,
    layers: int = 2,
    text_width: int = 64,
    text_layers: int = 2,
    heads: int = 4,
    dim: int = 64,
    context: int = 24,
) -> ContrastiveModel:
    """An untrained CLIP for the book's pictures: a ViT over 4x4 tokens behind convolutions, a text transformer.

    width, layers: the vision tower's; heads: both towers'; dim: of the space that images and texts share; context:
    the longest text. The weights are drawn from torch's global generator. Chapter: 02_contrastive.
    """
    vision = {"image_size": 64, "patch_size": 16, "width": width, "layers": layers, "head_width": width // heads}
    text = {"width": text_width, "layers": text_layers, "heads": heads}
    text |= {"context_length": context, "vocab_size": len(tokenizer)}
    # CLIP's default, the position of the largest id, holds only for a vocabulary that ends with <eos>
    text |= {"pool_type": "eos", "eos_id": tokenizer.eos_token_id, "pad_id": tokenizer.pad_token_id}
    clip = open_clip.CLIP(dim, vision, text)
    clip.visual.conv1 = _stem(width)
    return ContrastiveModel(clip, tokenizer)


def _stem(width: int) -> nn.Sequential:
    """Pixels [3 64 64] to [width 4 4], in place of ViT's own first layer, a linear map of 16x16 patches.

    The linear map learns shapes more slowly here; three strided convolutions with batch norm do better for the
    same time. Source: Xiao et al., Early Convolutions Help Transformers See Better (arXiv 2106.14881).
    """
    convolutions = (
        (3, width // 3, 4, 4, 0),
        (width // 3, 2 * width // 3, 3, 2, 1),
        (2 * width // 3, width, 3, 2, 1),
    )
    layers: list[nn.Module] = []
    for channels_in, channels_out, kernel, stride, padding in convolutions:
        layers.append(nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False))
        layers += [nn.BatchNorm2d(channels_out), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(width, width, 1))


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
