"""CoCa: one image encoder, one text decoder in two halves, and two losses from one forward pass.

Source: Yu et al. 2022 (arXiv 2205.01917). Chapter: 35_coca.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.attention import AttentionPooler
from vlm_lib.checks import check_at_least, check_one_of
from vlm_lib.losses import caption_loss, contrastive_loss
from vlm_lib.models.decoupled import MultimodalDecoder, UnimodalDecoder


class Poolers(nn.Module):
    """Image tokens to what captions read, [batch queries dim], and to what is contrasted, [batch dim].

    "cascade", the paper's choice: the contrastive query reads the captioning pooler's output. "parallel": both
    read the image tokens. Source: section 3.2 and table 8 (arXiv 2205.01917). Chapter: 35_coca.
    """

    def __init__(
        self,
        dim: int,
        context_dim: int,
        queries: int,
        *,
        arrangement: Literal["cascade", "parallel"] = "cascade",
        heads: int = 4,
    ):
        super().__init__()
        check_one_of("arrangement", arrangement, ("cascade", "parallel"))
        self.arrangement = arrangement
        self.captioning = AttentionPooler(dim, context_dim, queries, heads)
        self.contrastive = AttentionPooler(dim, dim if arrangement == "cascade" else context_dim, 1, heads)

    def forward(
        self, tokens: Float[Tensor, "batch tokens context_dim"]
    ) -> tuple[Float[Tensor, "batch queries dim"], Float[Tensor, "batch dim"]]:
        many = self.captioning(tokens)
        one = self.contrastive(many if self.arrangement == "cascade" else tokens)
        return many, one[:, 0]


class Seen(NamedTuple):
    """What CoCa makes of images: a unit vector each, and the tokens that captions read."""

    features: Float[Tensor, "batch dim"]
    tokens: Float[Tensor, "batch queries dim"]


class Read(NamedTuple):
    """What CoCa's lower half makes of texts: a unit vector each, from [CLS], and the states of the words."""

    features: Float[Tensor, "batch dim"]
    words: Float[Tensor, "batch seq dim"]


class CoCa(nn.Module):
    """`encoder` turns images into tokens [batch tokens encoder_dim]; all else is here.

    text_layers, image_layers: the two halves of the decoder. Texts are token ids, padded on the right.
    """

    def __init__(
        self,
        encoder: nn.Module,
        encoder_dim: int,
        vocabulary: int,
        *,
        dim: int = 64,
        queries: int = 16,
        arrangement: Literal["cascade", "parallel"] = "cascade",
        text_layers: int = 2,
        image_layers: int = 2,
        heads: int = 4,
        mlp_ratio: int = 4,
        positions: int = 24,
        pad_id: int = 0,
        logit_scale: float = 1 / 0.07,
    ):
        super().__init__()
        self.pad_id = pad_id
        self.encoder = encoder
        self.poolers = Poolers(dim, encoder_dim, queries, arrangement=arrangement, heads=heads)
        self.unimodal = UnimodalDecoder(
            vocabulary, dim, text_layers, positions=positions, pad_id=pad_id, heads=heads, mlp_ratio=mlp_ratio
        )
        self.multimodal = MultimodalDecoder(vocabulary, dim, image_layers, heads=heads, mlp_ratio=mlp_ratio)
        self.image_projection = nn.Linear(dim, dim, bias=False)
        self.text_projection = nn.Linear(dim, dim, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))

    def see(self, images: Tensor) -> Seen:
        """Images, as the encoder takes them, through encoder and poolers."""
        many, one = self.poolers(self.encoder(images))
        return Seen(F.normalize(self.image_projection(one), dim=-1), many)

    def read(self, ids: Int[Tensor, "batch seq"]) -> Read:
        """Texts through the lower half, which sees no image."""
        words, cls = self.unimodal(ids)
        return Read(F.normalize(self.text_projection(cls), dim=-1), words)

    def write(
        self, words: Float[Tensor, "batch seq dim"], tokens: Float[Tensor, "batch queries dim"]
    ) -> Float[Tensor, "batch seq vocabulary"]:
        """Logits of the token after each word, from the words of `read` and the tokens of `see`."""
        return self.multimodal(words, tokens)

    def forward(self, images: Tensor, ids: Int[Tensor, "batch seq"]) -> tuple[Tensor, Tensor, Tensor]:
        """One pass for both losses: image features, text features, logits of the tokens ids[:, 1:]."""
        seen, read = self.see(images), self.read(ids)
        return seen.features, read.features, self.write(read.words[:, :-1], seen.tokens)

    @torch.no_grad()
    def caption(
        self, tokens: Float[Tensor, "batch queries dim"], start: Int[Tensor, "batch seq"], end: int, longest: int
    ) -> Int[Tensor, "batch longest"]:
        """Go on from `start` with the likeliest token, `longest` times; after `end` come pads.

        tokens: of `see`. Raises: ValueError for longest < 1, or as the lower half.
        """
        ids, done = start, torch.zeros(len(start), dtype=torch.bool, device=start.device)
        for _ in range(check_at_least("longest", longest, 1)):
            newest = self.write(self.unimodal(ids)[0], tokens)[:, -1].argmax(dim=-1)
            newest = newest.masked_fill(done, self.pad_id)
            done |= newest == end
            ids = torch.cat([ids, newest[:, None]], dim=1)
        return ids[:, start.shape[1] :]


def coca_losses(
    image_features: Float[Tensor, "batch dim"],
    text_features: Float[Tensor, "batch dim"],
    logits: Float[Tensor, "batch seq vocabulary"],
    targets: Int[Tensor, "batch seq"],
    logit_scale: Float[Tensor, ""],
    *,
    pad_id: int,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The contrastive and the captioning loss, unweighted, as the paper has them.

    Its contrastive loss is the *sum* of both directions (equation 2), twice that of CLIP and of OpenCLIP's
    CoCaLoss. Raises: as `contrastive_loss` and `caption_loss`.
    """
    contrast = 2 * contrastive_loss(image_features, text_features, logit_scale)
    return contrast, caption_loss(logits, targets, ignore_index=pad_id)


def training_loss(
    model: CoCa, batch: tuple[Tensor, Int[Tensor, "batch seq"]], *, contrast: float = 1.0, caption: float = 2.0
) -> Float[Tensor, ""]:
    """lambda_con L_con + lambda_cap L_cap on (images, ids); what has weight 0 is not computed.

    The defaults are the paper's weights (section 3.2). Raises: ValueError if both weights are 0.
    """
    if not contrast and not caption:
        raise ValueError(f"contrast is {contrast}, caption {caption}: expected one of them above 0")
    images, ids = batch
    seen, read = model.see(images), model.read(ids)
    loss = torch.zeros((), device=ids.device)
    if contrast:
        loss = loss + contrast * 2 * contrastive_loss(seen.features, read.features, model.log_scale.exp())
    if caption:
        logits = model.write(read.words[:, :-1], seen.tokens)
        loss = loss + caption * caption_loss(logits, ids[:, 1:], ignore_index=model.pad_id)
    return loss
