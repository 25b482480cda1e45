"""What captioners with cross-attention share: image tokens and the words so far in, the next word's logits out.

Unlike a prefix, the image never stands in the text: a caption begins with <bos>, and a subclass says where the
text looks at the image. Chapter: 32_vc_gpt.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.losses.caption import caption_loss
from vlm_lib.models.stack import Stack

IGNORE = -100


class TokenCaptioner(nn.Module):
    """A causal LM, and image tokens [n places image_dim] that pass a linear map and `layers` encoder blocks.

    tune_lm: train a copy of the LM; the one that was given stays as it is. Otherwise it is shared and frozen.
    A subclass defines `logits(tokens, ids)`.
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
    ):
        super().__init__()
        self.lm = copy.deepcopy(lm).requires_grad_(True) if tune_lm else lm.requires_grad_(False)
        self.tokenizer, self.tune_lm = tokenizer, tune_lm
        self.image_dim = check_at_least("image_dim", image_dim, 1)
        self.width = lm.config.hidden_size
        self.project = nn.Linear(image_dim, self.width)
        self.image_side = Stack(self.width, layers, heads)

    def memory(self, tokens: Float[Tensor, "n places image_dim"]) -> Float[Tensor, "n places width"]:
        """What the text looks at. Raises: ValueError for another shape, or no image."""
        require_shape("tokens", tokens, n=None, places=None, image_dim=self.image_dim)
        return self.image_side(self.project(tokens), None)

    def language_model(self) -> PreTrainedModel:
        """The LM as it is now, to be asked about texts that come without an image."""
        return self.lm

    def targets(self, texts: Sequence[str]) -> Int[Tensor, "n tokens"]:
        """Token ids of captions, each ended by <eos>, then padded with -100, which no loss counts.

        Raises: ValueError for a bare string or no texts.
        """
        if isinstance(texts, str) or len(texts) == 0:
            raise ValueError(f"texts: got {texts!r}, expected a non-empty list of strings")
        ids = [torch.tensor([*self.tokenizer(text).input_ids, self.tokenizer.eos_token_id]) for text in texts]
        return nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=IGNORE)

    def inputs(self, targets: Int[Tensor, "n tokens"]) -> Int[Tensor, "n tokens"]:
        """What is read while `targets` are predicted: <bos>, then all targets but the last; <eos> for padding."""
        first = torch.full_like(targets[:, :1], self.tokenizer.bos_token_id)
        words = targets[:, :-1].masked_fill(targets[:, :-1] == IGNORE, self.tokenizer.eos_token_id)
        return torch.cat([first, words], dim=1)

    def forward(
        self, tokens: Float[Tensor, "n places image_dim"], targets: Int[Tensor, "n tokens"]
    ) -> Float[Tensor, "n tokens vocab"]:
        """logits[:, t] predict targets[:, t] from the image and the targets before t.

        Padding stands at the end, where no earlier position sees it: no mask is needed.
        """
        return self.logits(tokens, self.inputs(targets))

    def loss(
        self, tokens: Float[Tensor, "n places image_dim"], targets: Int[Tensor, "n tokens"]
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the captions' tokens, in nats per token."""
        return caption_loss(self(tokens, targets), targets, ignore_index=IGNORE)

    @torch.no_grad()
    def captions(self, tokens: Float[Tensor, "n places image_dim"], *, max_tokens: int = 16) -> list[str]:
        """The likeliest word at each step, until <eos>."""
        ids = torch.full((len(tokens), 1), self.tokenizer.bos_token_id, device=tokens.device)
        for _ in range(check_at_least("max_tokens", max_tokens, 1)):
            ids = torch.cat([ids, self.logits(tokens, ids)[:, -1:].argmax(dim=-1)], dim=1)
        eos, texts = self.tokenizer.eos_token_id, []
        for row in ids[:, 1:].tolist():
            texts.append(self.tokenizer.decode(row[: row.index(eos)] if eos in row else row).strip())
        return texts
