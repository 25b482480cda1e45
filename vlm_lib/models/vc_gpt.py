"""VC-GPT: GPT-2 reads the caption so far without the image; a fusion module on top of it reads both.

Source: Luo et al. 2022 (arXiv 2201.12723), from its figure and its equation for the logits; the depth of the
fusion module, and what is trained at which rate, we had to choose. Chapter: 32_vc_gpt.
"""

from __future__ import annotations

import copy
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from vlm_lib.attention import causal_mask
from vlm_lib.checks import check_one_of
from vlm_lib.models.stack import Stack
from vlm_lib.models.token_captioner import TokenCaptioner


class Terms(NamedTuple):
    """The two terms of the self-ensemble: W_G h_G and W_fuse h_fuse."""

    language: Float[Tensor, "n seq vocab"]
    fusion: Float[Tensor, "n seq vocab"]


class VCGPT(TokenCaptioner):
    """logits = W_G h_G + W_fuse h_fuse, with h_fuse = Fuse(h_G, image) and h_G the last states of the LM.

    ensemble: False drops the first term ("without self-ensemble"); h_G is still what the fusion reads.
    start: where W_fuse begins, "random" as in the paper, or "words", the LM's word embeddings. W_G always begins
    there, as a copy: it is not tied to the embeddings, and is trained if the LM is. tune_lm: as `TokenCaptioner`.
    Raises: ValueError for an unknown start.
    """

    def __init__(
        self,
        lm: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        image_dim: int,
        layers: int = 1,
        heads: int = 4,
        tune_lm: bool = True,
        ensemble: bool = True,
        start: Literal["random", "words"] = "random",
    ):
        super().__init__(lm, tokenizer, image_dim=image_dim, layers=layers, heads=heads, tune_lm=tune_lm)
        check_one_of("start", start, ("random", "words"))
        self.text_side = Stack(self.width, layers, heads, cross=True)
        words = lm.get_output_embeddings().weight.detach()
        self.language_head = head(words).requires_grad_(tune_lm) if ensemble else None
        deviation = getattr(lm.config, "initializer_range", 0.02)
        self.fusion_head = head(words if start == "words" else torch.randn_like(words) * deviation)

    def language_states(self, ids: Int[Tensor, "n seq"]) -> Float[Tensor, "n seq width"]:
        """h_G: what the LM makes of the words so far, after its last layer norm. No image comes in here."""
        words = self.lm.get_input_embeddings()(ids)
        return self.lm.base_model(inputs_embeds=words, use_cache=False).last_hidden_state

    def fused_states(
        self, states: Float[Tensor, "n seq width"], tokens: Float[Tensor, "n places image_dim"]
    ) -> Float[Tensor, "n seq width"]:
        """h_fuse: h_G after attention to earlier words, attention to the image, and an MLP, `layers` times."""
        mask = causal_mask(states.shape[1], states.device)
        return self.text_side(states, mask, memory=(self.memory(tokens), None))

    def terms(self, tokens: Float[Tensor, "n places image_dim"], ids: Int[Tensor, "n seq"]) -> Terms:
        """What each head adds to the logits; without self-ensemble the first is zero."""
        states = self.language_states(ids)
        fusion = self.fusion_head(self.fused_states(states, tokens))
        if self.language_head is None:
            return Terms(torch.zeros_like(fusion), fusion)
        return Terms(self.language_head(states), fusion)

    def logits(
        self, tokens: Float[Tensor, "n places image_dim"], ids: Int[Tensor, "n seq"]
    ) -> Float[Tensor, "n seq vocab"]:
        """Of the word after each position."""
        language, fusion = self.terms(tokens, ids)
        return language + fusion

    def language_model(self) -> PreTrainedModel:
        """The LM as it is now; with a self-ensemble, a copy under the head W_G."""
        if self.language_head is None:
            return self.lm
        lm = copy.deepcopy(self.lm)
        lm.set_output_embeddings(copy.deepcopy(self.language_head))
        return lm


def head(weight: Float[Tensor, "vocab width"]) -> nn.Linear:
    """A linear map without bias from a copy of its matrix."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight = nn.Parameter(weight.clone())
    return linear
