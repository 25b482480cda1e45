"""CoCa with the weights of an `open_clip.CoCa`, to be compared with it. Chapter: 35_coca.

What differs between the two is named here. OpenCLIP has one pooler, whose first query is contrasted and whose
other queries the captions read; the paper has two poolers (`models.coca.Poolers`). OpenCLIP's [CLS] has the
position after the padding, ours has none: its weights are copied to ours with that position added.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.attention import AttentionPooler
from vlm_lib.models.coca import CoCa
from vlm_lib.models.decoupled import CrossBlock, SelfBlock


class OnePooler(nn.Module):
    """OpenCLIP's arrangement: one pooler and a norm; query 0 is contrasted, the others are read by captions."""

    def __init__(self, pooler: AttentionPooler, norm: nn.LayerNorm):
        super().__init__()
        self.pooler, self.norm = pooler, norm

    def forward(
        self, tokens: Float[Tensor, "batch tokens context_dim"]
    ) -> tuple[Float[Tensor, "batch queries-1 dim"], Float[Tensor, "batch dim"]]:
        pooled = self.norm(self.pooler(tokens))
        return pooled[:, 1:], pooled[:, 0]


class BeforePooling(nn.Module):
    """All tokens of an open_clip vision tower, its class token among them, as its pooler reads them."""

    def __init__(self, visual: nn.Module):
        super().__init__()
        self.visual = visual

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1+tokens width"]:
        return self.visual.transformer(self.visual._embeds(pixels))


def from_open_clip(theirs: nn.Module) -> CoCa:
    """Our CoCa with copied weights; the vision tower is shared.

    Theirs has to be built with `embed_cls` and `attentional_pool=True`. The result equals theirs at full context
    length where theirs was built with `correct_cls_mask=True`.
    """
    text, decoder, visual = theirs.text, theirs.text_decoder, theirs.visual
    vocabulary, dim = text.token_embedding.weight.shape
    ours = CoCa(
        BeforePooling(visual),
        visual.attn_pool.ln_k.normalized_shape[0],
        vocabulary,
        dim=dim,
        queries=len(visual.attn_pool.query) - 1,
        text_layers=len(text.transformer.resblocks),
        image_layers=len(decoder.resblocks),
        heads=text.heads,
        positions=text.context_length,
        pad_id=text.pad_id,
    )
    ours.poolers = OnePooler(AttentionPooler.from_open_clip(visual.attn_pool), visual.ln_post)
    with torch.no_grad():
        ours.unimodal.embed.weight.copy_(text.token_embedding.weight)
        ours.unimodal.position.copy_(text.positional_embedding[:-1])
        ours.unimodal.cls.copy_(text.cls_emb + text.positional_embedding[-1])
        ours.image_projection.weight.copy_(visual.proj.T)
        ours.text_projection.weight.copy_(text.text_projection.T)
        ours.multimodal.to_logits.weight.copy_(decoder.text_projection.T)
        ours.log_scale.copy_(theirs.logit_scale)
    ours.unimodal.norm_cls.load_state_dict(text.ln_final.state_dict())
    ours.multimodal.norm.load_state_dict(decoder.ln_final.state_dict())
    for mine, block in zip(ours.unimodal.layers, text.transformer.resblocks, strict=True):
        _copy_block(mine, block)
    for mine, block in zip(ours.multimodal.text, decoder.resblocks, strict=True):
        _copy_block(mine, block)
    for mine, block in zip(ours.multimodal.image, decoder.cross_attn, strict=True):
        _copy_block(mine, block)
        mine.norm_image.load_state_dict(block.ln_1_kv.state_dict())
    return ours


def _copy_block(ours: SelfBlock | CrossBlock, block: nn.Module) -> None:
    """A `ResidualAttentionBlock` of open_clip; its in_proj joins queries, keys and values."""
    ours.norm_1.load_state_dict(block.ln_1.state_dict())
    ours.norm_2.load_state_dict(block.ln_2.state_dict())
    dim = ours.norm_1.normalized_shape[0]
    with torch.no_grad():
        for name, joined in (("weight", block.attn.in_proj_weight), ("bias", block.attn.in_proj_bias)):
            getattr(ours.attention.query, name).copy_(joined[:dim])
            getattr(ours.attention.key_value, name).copy_(joined[dim:])
    ours.attention.out.load_state_dict(block.attn.out_proj.state_dict())
    ours.mlp[0].load_state_dict(block.mlp.c_fc.state_dict())
    ours.mlp[2].load_state_dict(block.mlp.c_proj.state_dict())
