"""VisualGPT: GPT-2 with attention to an image in every block, joined by a gate that can shut either side off.

Source: Chen et al. 2021 (arXiv 2102.10407) and the authors' released code; what differs is said where it does.
Chapter: 31_visualgpt.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from vlm_lib.attention import causal_mask
from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.losses import caption_loss
from vlm_lib.models.decoupled import SelfBlock
from vlm_lib.models.gpt2_weights import copy_from_gpt2, copy_to_gpt2
from vlm_lib.models.srau import make_fusion
from vlm_lib.models.stack import Attention

IGNORE = -100
ACTIVATIONS = {"gelu": "none", "gelu_new": "tanh"}


class FusedBlock(nn.Module):
    """GPT-2's block, and between its self-attention and its MLP an attention to an image, joined by `fusion`.

    An image is what each layer of its encoder made of it. All are read by one cross-attention and joined one by
    one; their sum is divided by the root of their number, as in the released code. (There one layer norm serves
    self-attention, cross-attention and image; here each has its own.)
    """

    def __init__(self, width: int, heads: int, *, fusion: str, memories: int = 1, gelu: str = "tanh"):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.cross_norm, self.cross = nn.LayerNorm(width), Attention(width, heads)
        self.fusions = nn.ModuleList(make_fusion(fusion, width) for _ in range(memories))
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate=gelu), nn.Linear(4 * width, width)
        )

    def forward(
        self,
        x: Float[Tensor, "batch seq width"],
        mask: Tensor,
        image: Sequence[Float[Tensor, "batch tokens width"]] | None,
    ) -> Float[Tensor, "batch seq width"]:
        """Without an image it is GPT-2's block."""
        inner = self.norm(x)
        state = x + self.attention(inner, inner, mask)
        if image is not None:
            state = self.look(state, image)
        return state + self.mlp(self.mlp_norm(state))

    def look(
        self,
        state: Float[Tensor, "batch seq width"],
        image: Sequence[Float[Tensor, "batch tokens width"]],
    ) -> Float[Tensor, "batch seq width"]:
        """Every word asks the image; the fusion decides what stays of its state."""
        question = self.cross_norm(state)
        joined = [
            fusion(state, self.cross(question, memory, None))
            for fusion, memory in zip(self.fusions, image, strict=True)
        ]
        return torch.stack(joined).sum(dim=0) / len(joined) ** 0.5


class ImageEncoder(nn.Module):
    """Image tokens [n tokens features] to the language model's width, then `layers` transformer layers.

    Returns what each layer made of them, normalised: the decoder reads all of them.
    """

    def __init__(self, features: int, width: int, layers: int, heads: int):
        super().__init__()
        self.features = features
        self.enter = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, width))
        self.layers = nn.ModuleList(SelfBlock(width, heads) for _ in range(check_at_least("layers", layers, 1)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Float[Tensor, "n tokens features"]) -> list[Float[Tensor, "n tokens width"]]:
        """Raises: ValueError for another shape."""
        require_shape("tokens", tokens, n=None, tokens=None, features=self.features)
        x, outputs = self.enter(tokens), []
        for layer in self.layers:
            x = layer(x)
            outputs.append(self.norm(x))
        return outputs


class VisualGPT(nn.Module):
    """A captioner made of a pretrained GPT-2: its weights are copied, and everything is trained.

    features: the size of an image token. fusion: a name of `srau.FUSIONS`. The LM's dropout is left out. Raises:
    ValueError for an unknown fusion, or an LM with another activation than GPT-2's.
    """

    def __init__(
        self,
        lm: GPT2LMHeadModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        features: int,
        fusion: str = "srau",
        encoder_layers: int = 1,
    ):
        super().__init__()
        config = lm.config
        if config.activation_function not in ACTIVATIONS:
            raise ValueError(
                f"lm has the activation {config.activation_function!r}, expected one of {list(ACTIVATIONS)}"
            )
        self.tokenizer, self.config = tokenizer, copy.deepcopy(config)
        width, heads = config.n_embd, config.n_head
        self.embed = nn.Embedding(config.vocab_size, width)
        self.position = nn.Embedding(config.n_positions, width)
        self.encoder = ImageEncoder(features, width, encoder_layers, heads)
        options = {"fusion": fusion, "memories": encoder_layers, "gelu": ACTIVATIONS[config.activation_function]}
        self.blocks = nn.ModuleList(FusedBlock(width, heads, **options) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(width)
        copy_from_gpt2(lm, self)

    def forward(
        self, tokens: Float[Tensor, "n tokens features"] | None, ids: Int[Tensor, "n seq"]
    ) -> Float[Tensor, "n seq vocab"]:
        """Next-word logits. Without image tokens it is the GPT-2 whose weights it holds. Raises: ValueError for
        another shape, or more words than positions."""
        return self.write(None if tokens is None else self.encoder(tokens), ids)

    def write(
        self, image: Sequence[Float[Tensor, "n tokens width"]] | None, ids: Int[Tensor, "n seq"]
    ) -> Float[Tensor, "n seq vocab"]:
        """Next-word logits from what the encoder made of the image."""
        require_shape("ids", ids, n=None, seq=None)
        if ids.shape[1] > self.position.num_embeddings:
            raise ValueError(f"ids: {ids.shape[1]} words, expected at most {self.position.num_embeddings}")
        x = self.embed(ids) + self.position.weight[: ids.shape[1]]
        mask = causal_mask(ids.shape[1], ids.device)
        for block in self.blocks:
            x = block(x, mask, image)
        return F.linear(self.norm(x), self.embed.weight)  # the words' own vectors, as in GPT-2

    def targets(self, captions: Sequence[str]) -> Int[Tensor, "n most"]:
        """What is to be said: each caption's ids and the end mark, padded with -100."""
        end = self.tokenizer.eos_token_id
        rows = [torch.tensor([*ids, end]) for ids in self.tokenizer(list(captions)).input_ids]
        return pad_sequence(rows, batch_first=True, padding_value=IGNORE)

    def inputs(self, targets: Int[Tensor, "n most"]) -> Int[Tensor, "n most"]:
        """What has been said before each of them: the start mark, then the caption."""
        begin = torch.full_like(targets[:, :1], self.tokenizer.bos_token_id)
        return torch.cat([begin, targets[:, :-1].clamp(min=0)], dim=1)

    def loss(
        self, tokens: Float[Tensor, "n tokens features"] | None, targets: Int[Tensor, "n most"]
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy of the captions' words and ends, in nats per token."""
        return caption_loss(self(tokens, self.inputs(targets)), targets)

    @torch.no_grad()
    def captions(self, tokens: Float[Tensor, "n tokens features"], *, max_tokens: int) -> list[str]:
        """The likeliest word after each word, until the end mark or `max_tokens` words."""
        image, end = self.encoder(tokens), self.tokenizer.eos_token_id
        ids = torch.full((len(tokens), 1), self.tokenizer.bos_token_id, device=tokens.device)
        ended = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        for _ in range(check_at_least("max_tokens", max_tokens, 1)):
            newest = self.write(image, ids)[:, -1].argmax(dim=-1).masked_fill(ended, end)
            ids, ended = torch.cat([ids, newest[:, None]], dim=1), newest == end
            if ended.all():
                break
        return [self.tokenizer.decode(row[row != end].tolist()) for row in ids[:, 1:]]

    def language_model(self) -> GPT2LMHeadModel:
        """The GPT-2 inside, taken out again: without cross-attention, gates and image."""
        lm = GPT2LMHeadModel(self.config).requires_grad_(False).eval()
        copy_to_gpt2(self, lm)
        return lm
