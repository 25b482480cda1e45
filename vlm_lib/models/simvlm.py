"""SimVLM: an image and the beginning of a text are a prefix that sees itself both ways; the rest is predicted.

`PrefixLM` is one decoder whose mask makes the prefix; `EncoderDecoder` is the paper's form. Source: Wang et al.
2021 (arXiv 2108.10904), section 3. Chapter: 12_simvlm.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.attention.masks import causal_mask, prefix_lm_mask
from vlm_lib.models.stack import Stack


class Embedder(nn.Module):
    """Image patches, then words, each with positions of their own that start at 0 (the paper's figure)."""

    def __init__(self, patches: nn.Module, vocabulary: int, width: int, *, image_tokens: int, words: int):
        super().__init__()
        self.patches = patches
        self.words = nn.Embedding(vocabulary, width)
        self.image_positions = nn.Embedding(image_tokens, width)
        self.word_positions = nn.Embedding(words, width)
        for table in (self.words, self.image_positions, self.word_positions):
            nn.init.normal_(table.weight, std=0.06)  # as the zoo's language model: 0.02 is meant for larger widths

    def forward(self, images: Tensor | None, ids: Int[Tensor, "batch words"]) -> Float[Tensor, "batch seq width"]:
        """`images` is whatever `patches` reads, or None for text alone."""
        if ids.shape[1] > len(self.word_positions.weight):
            raise ValueError(
                f"ids: got {ids.shape[1]} words, expected at most {len(self.word_positions.weight)}, as many as "
                "there are positions"
            )
        text = self.words(ids) + self.word_positions.weight[: ids.shape[1]]
        if images is None:
            return text
        return torch.cat([self.patches(images) + self.image_positions.weight, text], dim=1)


class PrefixLM(nn.Module):
    """One decoder. Its mask, and nothing else, tells the prefix from what is predicted."""

    def __init__(self, embed: Embedder, *, layers: int = 2, heads: int = 4):
        super().__init__()
        vocabulary, width = embed.words.weight.shape
        self.embed = embed
        self.stack = Stack(width, layers, heads)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(
        self,
        images: Tensor | None,
        ids: Int[Tensor, "batch words"],
        prefix_len: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch words vocabulary"]:
        """logits[:, t] predict the word after word t.

        prefix_len counts image tokens as well; 0 makes the model a plain causal LM.
        """
        x = self.embed(images, ids)
        mask = prefix_lm_mask(prefix_len, x.shape[1])
        states = self.stack(x, mask)
        return self.head(states[:, -ids.shape[1] :].contiguous())

    def remember(
        self, images: Tensor | None, ids: Int[Tensor, "batch words"]
    ) -> list[Float[Tensor, "batch prefix width"]]:
        """The encoder's half: read a prefix both ways, keep what each layer was given."""
        return self.stack.layer_inputs(self.embed(images, ids), None)

    def go_on(
        self, before: list[Float[Tensor, "batch prefix width"]], ids: Int[Tensor, "batch words"], start: int
    ) -> Float[Tensor, "batch words vocabulary"]:
        """The decoder's half: words that stand from position `start` on, after a prefix that was remembered."""
        prefix, rows = before[0].shape[1], ids.shape[1]
        x = self.embed.words(ids) + self.embed.word_positions.weight[start : start + rows]
        sees_prefix = torch.ones(rows, prefix, dtype=torch.bool, device=ids.device)
        mask = torch.cat([sees_prefix, causal_mask(rows, ids.device)], dim=1)
        return self.head(self.stack(x, mask, before=before))


class EncoderDecoder(nn.Module):
    """An encoder reads the prefix, a decoder with cross-attention goes on from its last word."""

    def __init__(self, embed: Embedder, *, encoder_layers: int = 1, decoder_layers: int = 1, heads: int = 4):
        super().__init__()
        vocabulary, width = embed.words.weight.shape
        self.embed = embed
        self.encoder = Stack(width, encoder_layers, heads)
        self.decoder = Stack(width, decoder_layers, heads, cross=True)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(
        self,
        images: Tensor | None,
        ids: Int[Tensor, "batch words"],
        prefix_len: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch words vocabulary"]:
        """As for `PrefixLM`; only logits from the last word of the prefix on mean anything.

        Both halves are run over all positions, and masks give to each what is its own: prefixes of different
        lengths then fit into one batch.
        """
        x = self.embed(images, ids)
        seq, words = x.shape[1], ids.shape[1]
        if int(prefix_len.min()) <= seq - words:
            raise ValueError(
                f"prefix_len holds {prefix_len.tolist()}, expected more than the {seq - words} image tokens: "
                "the decoder starts from the last word of the prefix"
            )
        place = torch.arange(seq, device=ids.device)
        in_prefix = (place < prefix_len[:, None])[:, None, :]
        memory = self.encoder(x, in_prefix.expand(-1, seq, -1))
        own = place >= prefix_len[:, None, None] - 1
        itself = torch.eye(seq, dtype=torch.bool, device=ids.device)  # rows before the start see something, too
        mask = (causal_mask(seq, ids.device) & own) | itself
        text = slice(seq - words, None)
        states = self.decoder(x[:, text], mask[:, text, text], memory=(memory, in_prefix.expand(-1, words, -1)))
        return self.head(states)
