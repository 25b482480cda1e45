"""The weights of transformers' VisualBERT in ours, so that the two can be compared and pretrained ones be used.

Chapter: 11_visualbert.
"""

import torch
from torch import nn
from transformers import VisualBertForPreTraining

from vlm_lib.models.visualbert import VisualBert
from vlm_lib.models.visualbert_heads import VisualBertForPretraining


@torch.no_grad()
def from_transformers(theirs: VisualBertForPreTraining) -> VisualBertForPretraining:
    """Our model with a copy of their weights, in eval mode.

    Of their two tables for regions only what is used is taken: row 1 of the segments, row 0 of the positions.
    Raises: ValueError for an activation other than GELU, or for late fusion.
    """
    config = theirs.config
    if config.hidden_act != "gelu" or config.bypass_transformer:
        raise ValueError(
            f"theirs has hidden_act={config.hidden_act!r} and bypass_transformer={config.bypass_transformer}, "
            "expected 'gelu' and False"
        )
    body = VisualBert(
        config.vocab_size,
        config.visual_embedding_dim,
        config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        ff_mult=config.intermediate_size // config.hidden_size,
        max_text=config.max_position_embeddings,
        dropout=config.hidden_dropout_prob,
    )
    ours = VisualBertForPretraining(body)
    _copy_embeddings(theirs.visual_bert.embeddings, body.embeddings)
    for source, layer in zip(theirs.visual_bert.encoder.layer, body.layers, strict=True):
        _copy_layer(source, layer)
    heads = theirs.cls.predictions
    ours.transform[0].load_state_dict(heads.transform.dense.state_dict())
    ours.transform[2].load_state_dict(heads.transform.LayerNorm.state_dict())
    ours.word_bias.copy_(heads.bias)
    ours.pooler[0].load_state_dict(theirs.visual_bert.pooler.dense.state_dict())
    ours.match.load_state_dict(theirs.cls.seq_relationship.state_dict())
    return ours.eval()


def _copy_embeddings(theirs: nn.Module, ours: nn.Module) -> None:
    ours.word.weight.copy_(theirs.word_embeddings.weight)
    ours.segment.weight.copy_(theirs.token_type_embeddings.weight)
    ours.position.weight.copy_(theirs.position_embeddings.weight)
    ours.region.load_state_dict(theirs.visual_projection.state_dict())
    ours.region_segment.copy_(theirs.visual_token_type_embeddings.weight[1])
    ours.region_position.weight.copy_(theirs.visual_position_embeddings.weight[:1])
    ours.norm.load_state_dict(theirs.LayerNorm.state_dict())


def _copy_layer(theirs: nn.Module, ours: nn.TransformerEncoderLayer) -> None:
    # PyTorch keeps queries, keys and values in one matrix
    three = (theirs.attention.self.query, theirs.attention.self.key, theirs.attention.self.value)
    ours.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in three]))
    ours.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in three]))
    ours.self_attn.out_proj.load_state_dict(theirs.attention.output.dense.state_dict())
    ours.norm1.load_state_dict(theirs.attention.output.LayerNorm.state_dict())
    ours.linear1.load_state_dict(theirs.intermediate.dense.state_dict())
    ours.linear2.load_state_dict(theirs.output.dense.state_dict())
    ours.norm2.load_state_dict(theirs.output.LayerNorm.state_dict())
