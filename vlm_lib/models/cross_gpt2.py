"""GPT-2 with cross-attention inside every layer: what VC-GPT is compared with, "vanilla" in its figure.

Chapter: 32_vc_gpt.
"""

from __future__ import annotations

import copy

from jaxtyping import Float, Int
from torch import Tensor
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from vlm_lib.models.token_captioner import TokenCaptioner


class CrossGPT2(TokenCaptioner):
    """Cross-attention between self-attention and MLP of each layer: `transformers` with `add_cross_attention`.

    The image passes the same linear map and blocks as in `VCGPT`. With tune_lm=False the LM's own weights are
    frozen, and the new layers are trained: Flamingo without gates and without its extra MLPs. The LM that is given
    is never changed. Without an image the new layers are skipped, and `language_model()` is a plain GPT-2.
    Raises: ValueError for an LM other than GPT-2.
    """

    def __init__(
        self,
        lm: GPT2LMHeadModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        image_dim: int,
        layers: int = 1,
        heads: int = 4,
        tune_lm: bool = True,
    ):
        if not isinstance(lm, GPT2LMHeadModel):
            raise ValueError(f"lm is a {type(lm).__name__}, expected a GPT2LMHeadModel")
        sizes = {"image_dim": image_dim, "layers": layers, "heads": heads}
        super().__init__(with_cross_attention(lm), tokenizer, **sizes, tune_lm=tune_lm)
        for name, parameter in self.lm.named_parameters():
            parameter.requires_grad_(tune_lm or is_new(name))

    def logits(
        self, tokens: Float[Tensor, "n places image_dim"], ids: Int[Tensor, "n seq"]
    ) -> Float[Tensor, "n seq vocab"]:
        """Of the word after each position."""
        words, memory = self.lm.get_input_embeddings()(ids), self.memory(tokens)
        return self.lm(inputs_embeds=words, encoder_hidden_states=memory, use_cache=False).logits


def with_cross_attention(lm: GPT2LMHeadModel) -> GPT2LMHeadModel:
    """The same LM with new, untrained cross-attention in every layer; all other weights are copies."""
    config = copy.deepcopy(lm.config)
    config.add_cross_attention = True
    wider = GPT2LMHeadModel(config)
    missing, unexpected = wider.load_state_dict(lm.state_dict(), strict=False)
    if unexpected or not all(map(is_new, missing)):
        raise ValueError(f"lm: its weights {unexpected} are not GPT-2's, or it lacks {missing}")
    return wider


def is_new(name: str) -> bool:
    """Whether a parameter belongs to the added layers."""
    return "cross" in name
