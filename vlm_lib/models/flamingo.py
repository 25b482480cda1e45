"""Flamingo: gated cross-attention blocks between the layers of a frozen language model.

Source: Alayrac et al. 2022; sections are those of arXiv 2204.14198v2. Chapter: 34_flamingo.
"""

import functools
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from vlm_lib.attention import GatedCrossAttentionBlock, PerceiverResampler
from vlm_lib.attention.cross import KeyValue
from vlm_lib.attention.masks import image_index
from vlm_lib.checks import check_at_least, require_finite, require_shape
from vlm_lib.models.frozen_lm import before_layers, cache_argument, decoder_layers, open_layers, require_positions
from vlm_lib.models.image_order import ImageOrder


class Flamingo(nn.Module):
    """A frozen causal LM that reads images through new gated blocks, placed before every `every`-th layer.

    `vision` maps pixels [n channels height width] to tokens [n tokens media_dim]; it and `lm` are frozen, stay in
    evaluation mode and are not copied. Trained are the resampler and the blocks: `trained_parameters()`.
    `attend`, `gated` and `image_order` select the ablations of the chapter; the defaults are the paper's model.
    A call shares nothing with another one, so threads may share a model. An LM or a tower in half precision stays
    so; the new parts compute in their own precision and hand the LM what it expects.
    Raises `ValueError` for an LM without known layers or an image token that it does not have, and in use for a
    text longer than the LM's positions, or as `last_image_attention` does: in particular where a text holds more
    image tags than images.
    Source: section 2 (arXiv 2204.14198v2). Chapter: 34_flamingo.
    """

    def __init__(
        self,
        vision: nn.Module,
        lm: PreTrainedModel,
        *,
        media_dim: int,
        image_token_id: int,
        every: int = 1,
        num_latents: int = 64,
        resampler_depth: int = 2,
        heads: int = 8,
        head_dim: int = 64,
        ff_mult: int = 4,
        attend: Literal["last", "all_previous"] = "last",
        gated: bool = True,
        image_order: Literal["none", "learned", "sinusoidal"] = "none",
        max_images: int = 16,
    ):
        super().__init__()
        check_at_least("every", every, 1)
        open_layers(lm)
        if not 0 <= image_token_id < lm.config.vocab_size:
            raise ValueError(
                f"image_token_id is {image_token_id}, expected a token of the LM: 0 .. {lm.config.vocab_size - 1}"
            )
        self.vision = vision.requires_grad_(False).eval()
        self.lm = lm.requires_grad_(False).eval()
        self.image_token_id, self.media_dim, self.every = image_token_id, media_dim, every
        dim = lm.config.hidden_size
        self.resampler = PerceiverResampler(
            media_dim, resampler_depth, heads, head_dim, num_latents, ff_mult=ff_mult
        )
        self.image_order = ImageOrder(image_order, media_dim, max_images)
        self.blocks = nn.ModuleList(
            GatedCrossAttentionBlock(dim, media_dim, heads, head_dim, ff_mult, attend=attend, gated=gated)
            for _ in decoder_layers(lm)[::every]
        )

    def train(self, mode: bool = True) -> "Flamingo":
        """Training mode for the new parts only: dropout in a frozen LM would make it another LM."""
        super().train(mode)
        self.vision.eval()
        self.lm.eval()
        return self

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Name -> parameter for everything that training changes."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def encode_images(
        self, images: Float[Tensor, "batch images channels height width"]
    ) -> Float[Tensor, "batch images tokens media_dim"]:
        """The frozen tower's features. They can be computed once and passed as `features`.

        Raises `ValueError` for another number of axes, an empty batch, or pixels that are not finite.
        """
        require_shape("images", images, batch=None, images=None, channels=None, height=None, width=None)
        require_finite("images", images)
        dtype = next((p.dtype for p in self.vision.parameters()), images.dtype)
        return self.vision(images.flatten(0, 1).to(dtype)).unflatten(0, images.shape[:2])

    def media(
        self, features: Float[Tensor, "batch images tokens media_dim"]
    ) -> Float[Tensor, "batch images latents media_dim"]:
        """What the blocks attend to: resampled features, with image numbers where an ablation asks for them."""
        return self.image_order(self.resampler(features.to(self.resampler.latents.dtype)))

    def forward(
        self,
        input_ids: Int[Tensor, "batch seq"],
        features: Float[Tensor, "batch images tokens media_dim"],
        attention_mask: Bool[Tensor, "batch seq"] | Float[Tensor, "batch 1 seq seq"] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """Next-token logits at every position of an interleaved text; `attention_mask` goes to the LM as it is."""
        self._check_inputs(input_ids, features)
        require_positions(self.lm, input_ids.shape[1], "input_ids")
        phi = image_index(input_ids == self.image_token_id)
        key_values = self.key_values(features)
        return self.run_lm(key_values, phi, input_ids=input_ids, attention_mask=attention_mask).logits

    def key_values(self, features: Float[Tensor, "batch images tokens media_dim"]) -> dict[nn.Module, KeyValue]:
        """Every block's keys and values of the images; they serve all tokens of a text, generated ones too."""
        media = self.media(features)
        return {block: block.attention.key_value(media) for block in self.blocks}

    def run_lm(
        self,
        key_values: Mapping[nn.Module, KeyValue],
        phi: Int[Tensor, "batch seq"],
        **lm_inputs,
    ):
        """One pass of the LM, each block acting before its layer; the LM's own output."""
        layers = decoder_layers(self.lm)[:: self.every]
        reading = {
            layer: functools.partial(read_images, block, key_values[block], phi)
            for layer, block in zip(layers, self.blocks, strict=True)
        }
        with before_layers(reading):
            return self.lm(**lm_inputs)

    def _check_inputs(self, input_ids: Tensor, features: Tensor) -> None:
        require_shape("input_ids", input_ids, batch=None, seq=None)
        if input_ids.shape[1] == 0:
            raise ValueError(f"input_ids has shape {list(input_ids.shape)}, expected at least one token per text")
        shape = {"batch": len(input_ids), "images": None, "tokens": None, "media_dim": self.media_dim}
        require_shape("features", features, **shape)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Int[Tensor, "batch seq"],
        features: Float[Tensor, "batch images tokens media_dim"],
        *,
        max_new_tokens: int,
        eos_token_id: int | None = None,
        use_cache: bool = True,
    ) -> Int[Tensor, "batch seq+new"]:
        """Greedy continuation. An image tag is never generated, so new tokens see each text's last image.

        Prompts of a batch have equal length. After `eos_token_id` a text repeats it until all texts have ended.
        `use_cache` keeps the LM's keys and values; the tokens are the same without. Raises `ValueError` for
        wrong shapes, no new token, or more than the LM has positions for (the last one is never fed back).
        """
        self._check_inputs(input_ids, features)
        check_at_least("max_new_tokens", max_new_tokens, 1)
        require_positions(self.lm, input_ids.shape[1] + max_new_tokens - 1, "max_new_tokens")
        key_values, unread = self.key_values(features), input_ids
        cache = {cache_argument(self.lm): DynamicCache()} if use_cache else {}
        ended = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        for _ in range(max_new_tokens):
            phi = image_index(input_ids == self.image_token_id)[:, -unread.shape[1] :]
            output = self.run_lm(key_values, phi, input_ids=unread, use_cache=use_cache, **cache)
            logits = output.logits[:, -1]
            logits[:, self.image_token_id] = -torch.inf
            new = logits.argmax(dim=-1)
            if eos_token_id is not None:
                new = torch.where(ended, eos_token_id, new)
                ended = ended | (new == eos_token_id)
            input_ids = torch.cat([input_ids, new[:, None]], dim=1)
            if eos_token_id is not None and ended.all():
                break
            unread = new[:, None] if use_cache else input_ids
        return input_ids


def read_images(block: GatedCrossAttentionBlock, key_value: KeyValue, phi: Tensor, hidden: Tensor) -> Tensor:
    """The text's stream after a block, in the precision in which it came: that of the LM, which may be lower."""
    return block.attend_to(hidden.to(block.attention.to_q.weight.dtype), key_value, phi).to(hidden.dtype)
