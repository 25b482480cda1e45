"""Frozen: an image becomes a few vectors in the text of a language model that is not trained.

Where a text says <image>, as often as an image has vectors, the LM is given those vectors instead of the token's
own. So images may stand anywhere in a text, and any number of them. Source: Tsimpoukelli et al. 2021, section 3
(arXiv 2106.13884). Chapter: 21_frozen.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.losses.caption import caption_loss
from vlm_lib.training.seeds import random_state_kept, seed_everything

IGNORE = -100
BLACK = -1.0  # pixels run from -1 to 1


class VisualPrefix(nn.Module):
    """v_phi: a picture to `tokens` vectors of the LM's width, by one linear map of the trunk's pooled features.

    trunk: pixels [n 3 height width] to features [n features], such as timm's "nf_resnet50" without its classifier.
    blind: every picture is replaced by a black one, for a control that is trained in the same way, unseeing.
    """

    def __init__(self, trunk: nn.Module, features: int, width: int, tokens: int = 2, *, blind: bool = False):
        super().__init__()
        self.trunk, self.blind = trunk, blind
        self.tokens, self.width = check_at_least("tokens", tokens, 1), width
        self.linear = nn.Linear(features, tokens * width)

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n tokens width"]:
        seen = torch.full_like(pixels[:1], BLACK) if self.blind else pixels  # black: look once
        vectors = self.linear(self.trunk(seen)).unflatten(1, (self.tokens, self.width))
        return vectors.expand(len(pixels), -1, -1)


def splice(
    words: Float[Tensor, "batch seq width"],
    prefixes: Float[Tensor, "images tokens width"],
    is_image: Bool[Tensor, "batch seq"],
) -> Float[Tensor, "batch seq width"]:
    """The words' embeddings, with the images' vectors, in reading order, where `is_image` is true.

    Raises: ValueError unless there are as many vectors as places.
    """
    places, vectors = int(is_image.sum()), prefixes.shape[0] * prefixes.shape[1]
    if places != vectors:
        raise ValueError(f"is_image marks {places} places, expected one for each of the {vectors} image vectors")
    return words.masked_scatter(is_image[..., None], prefixes.to(words.dtype))


def targets(ids: Int[Tensor, "batch seq"], *, image_id: int, pad_id: int) -> Int[Tensor, "batch seq-1"]:
    """What each position is to predict: the next token, or -100 where that is an image's place or padding."""
    after = ids[:, 1:]
    return after.masked_fill((after == image_id) | (after == pad_id), IGNORE)


class Frozen(nn.Module):
    """A visual prefix in front of, or anywhere within, the text of a causal LM.

    tune_lm: the LM is trained too, the ablation of the paper. Otherwise its weights need no gradient, but the
    gradient passes *through* it to the prefix: it must not run under `torch.no_grad`.
    """

    def __init__(
        self, prefix: VisualPrefix, lm: PreTrainedModel, *, image_id: int, pad_id: int, tune_lm: bool = False
    ):
        super().__init__()
        self.prefix, self.lm = prefix, lm.requires_grad_(tune_lm)
        self.image_id, self.pad_id = image_id, pad_id

    def train(self, mode: bool = True) -> Frozen:
        """A frozen LM stays in evaluation mode: it has no dropout to learn from."""
        super().train(mode)
        self.lm.train(mode and any(p.requires_grad for p in self.lm.parameters()))
        return self

    def forward(
        self, pixels: Float[Tensor, "images 3 height width"], ids: Int[Tensor, "batch seq"]
    ) -> Float[Tensor, "batch seq vocab"]:
        """logits[:, t] predict ids[:, t + 1]. pixels: all images of the batch, in reading order.

        Raises: ValueError unless `ids` hold <image> `tokens` times for each image.
        """
        require_shape("ids", ids, batch=None, seq=None)
        words = self.lm.get_input_embeddings()(ids)
        inputs = splice(words, self.prefix(pixels), ids == self.image_id)
        return self.lm(inputs_embeds=inputs, use_cache=False).logits

    def loss(
        self, pixels: Float[Tensor, "images 3 height width"], ids: Int[Tensor, "batch seq"], *, given: int = 1
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the text after its first `given` tokens, in nats per token.

        Images and padding are no targets. given: words that are the same in every text are read and not counted.
        """
        wanted = targets(ids, image_id=self.image_id, pad_id=self.pad_id)
        wanted[:, : check_at_least("given", given, 1) - 1] = IGNORE
        return caption_loss(self(pixels, ids)[:, :-1], wanted, ignore_index=IGNORE)


FEATURES = 96  # of the small trunk


def small_trunk() -> nn.Sequential:
    """Three strided convolutions and the mean over places: a stand-in, for 32 pixels, of the paper's NF-ResNet-50.

    Pixels [n 3 32 32] to features [n 96]. Group norm, since batch statistics would differ between training
    and a prompt of a few images.
    """
    layers: list[nn.Module] = []
    for before, after in ((3, 24), (24, 48), (48, FEATURES)):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.GroupNorm(8, after), nn.GELU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


@random_state_kept()
def small_lm(vocabulary: int, seed: int, *, width: int = 64, layers: int = 3, heads: int = 4) -> LlamaForCausalLM:
    """An untrained LM with rotary positions, which are relative: an image may stand at any place of a text."""
    seed_everything(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=256,
        initializer_range=0.06,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)
