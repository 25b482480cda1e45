"""A frozen language model that reads an image as a few vectors before its text: the prefix.

Sources: Frozen, section 3 (arXiv 2106.13884), which maps an image to a prefix for a frozen LM; ClipCap, section 3
(arXiv 2111.09734), whose mapper is an MLP on one vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.losses.caption import caption_loss
from vlm_lib.models.locked import Standardized

IGNORE = -100


class PrefixMapper(nn.Module):
    """Image features to `length` vectors of the LM's width: trained vectors plus an MLP of the features.

    hidden: the MLP's inner width. scale: the size of what the MLP adds; the RMS of the LM's embeddings suits.
    blind: the features are replaced by their mean, for a control that is trained in the same way and sees nothing.

    The MLP's last layer starts at zero, so that the first prefix is `start` for every image; `set_start` makes it
    the embeddings of a text, from where training finds its way sooner than from random vectors.
    """

    def __init__(
        self,
        feature_dim: int,
        width: int,
        length: int,
        *,
        hidden: int = 512,
        dropout: float = 0.0,
        scale: float = 1.0,
        blind: bool = False,
    ):
        super().__init__()
        self.length, self.width, self.scale, self.blind = check_at_least("length", length, 1), width, scale, blind
        self.standardize = Standardized(feature_dim)
        self.start = nn.Parameter(torch.randn(length, width) * scale)
        self.mlp = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(feature_dim, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, length * width),
        )
        nn.init.zeros_(self.mlp[-1].weight)
        nn.init.zeros_(self.mlp[-1].bias)

    @torch.no_grad()
    def set_start(self, vectors: Float[Tensor, "length width"]) -> None:
        """Begin from these vectors. Raises: ValueError for another shape."""
        require_shape("vectors", vectors, length=self.length, width=self.width)
        self.start.copy_(vectors)

    def forward(self, features: Float[Tensor, "n feature_dim"]) -> Float[Tensor, "n length width"]:
        """Raises: ValueError for another shape, or no image."""
        require_shape("features", features, n=None, feature_dim=len(self.standardize.mean))
        seen = self.standardize(features)
        if self.blind:
            seen = torch.zeros_like(seen)
        return self.start + self.scale * self.mlp(seen).unflatten(1, (self.length, self.width))


class PrefixCaptioner(nn.Module):
    """`mapper` before a frozen causal LM. Every method takes features, as `tower` makes them of pictures.

    Only the mapper is to be trained: tower and LM are frozen and stay in evaluation mode.
    """

    def __init__(
        self, tower: nn.Module, mapper: nn.Module, lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ):
        super().__init__()
        self.tower, self.mapper = tower.requires_grad_(False), mapper
        self.lm, self.tokenizer = lm.requires_grad_(False), tokenizer
        self.card = None  # the zoo fills in how the mapper was made and what was measured
        self.train(False)

    def train(self, mode: bool = True) -> PrefixCaptioner:
        super().train(mode)
        self.tower.eval()
        self.lm.eval()
        return self

    def targets(self, texts: Sequence[str]) -> Int[Tensor, "n tokens"]:
        """Token ids of captions, each ended by <eos>, then padded with -100, which no loss counts.

        Raises: ValueError for a bare string or no texts.
        """
        if isinstance(texts, str) or len(texts) == 0:
            raise ValueError(f"texts: got {texts!r}, expected a non-empty list of strings")
        eos = self.tokenizer.eos_token_id
        # a space before, because the caption continues a prefix: most tokenizers know the word in this form
        ids = [torch.tensor([*self.tokenizer(f" {text}").input_ids, eos]) for text in texts]
        return nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=IGNORE)

    def forward(
        self, features: Float[Tensor, "n feature_dim"], targets: Int[Tensor, "n tokens"]
    ) -> Float[Tensor, "n tokens vocab"]:
        """logits[:, t] predict targets[:, t] from the prefix and the targets before t.

        Padding stands at the end, where a causal LM's earlier positions don't see it: no mask is needed.
        """
        prefix = self.mapper(features)
        words = targets[:, :-1].clamp(min=0)  # any id will do where nothing is counted
        inputs = torch.cat([prefix, self.lm.get_input_embeddings()(words)], dim=1)
        states = self.lm.base_model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        # contiguous: torch multiplies a slice as a batch, which here takes ten times as long as one product
        return self.lm.get_output_embeddings()(states[:, self.mapper.length - 1 :].contiguous())

    def loss(
        self, features: Float[Tensor, "n feature_dim"], targets: Int[Tensor, "n tokens"]
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the captions' tokens, in nats per token."""
        return caption_loss(self(features, targets), targets, ignore_index=IGNORE)

    def surprise(self, features: Float[Tensor, "n feature_dim"], texts: Sequence[str]) -> Float[Tensor, " n"]:
        """-log p(caption | image) of each pair, in nats per caption. Raises: as `targets` and the mapper."""
        targets = self.targets(texts)
        each = F.cross_entropy(
            self(features, targets).flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="none"
        )
        return each.view(targets.shape).sum(dim=1)

    def captions(self, features: Float[Tensor, "n feature_dim"], *, max_tokens: int = 8) -> list[str]:
        """The LM's continuation of each prefix, its likeliest token at each step. Raises: as the mapper."""
        prefix = self.mapper(features)
        ids = self.lm.generate(
            inputs_embeds=prefix,
            attention_mask=torch.ones(prefix.shape[:2], dtype=torch.long, device=prefix.device),
            max_new_tokens=check_at_least("max_tokens", max_tokens, 1),
            do_sample=False,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.eos_token_id,
        )
        return [text.strip() for text in self.tokenizer.batch_decode(ids, skip_special_tokens=True)]
