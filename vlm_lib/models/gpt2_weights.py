"""Weights of `transformers`' GPT-2 in the blocks of `models.visualgpt`, and back. Chapter: 31_visualgpt."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


@torch.no_grad()
def copy_from_gpt2(gpt2: nn.Module, model: nn.Module) -> None:
    """Fill `model`, a VisualGPT, from a GPT2LMHeadModel, cross-attention too where both have it."""
    for theirs, ours in _pairs(gpt2, model):
        ours.copy_(theirs)


@torch.no_grad()
def copy_to_gpt2(model: nn.Module, gpt2: nn.Module) -> None:
    """Fill a GPT2LMHeadModel from `model`, a VisualGPT."""
    for theirs, ours in _pairs(gpt2, model):
        theirs.copy_(ours)


def _pairs(gpt2: nn.Module, model: nn.Module) -> Iterator[Pair]:
    """Their tensor and ours, in the same layout: both ends can be written to."""
    body = gpt2.transformer
    yield body.wte.weight, model.embed.weight
    yield body.wpe.weight, model.position.weight
    yield from _same(body.ln_f, model.norm)
    for theirs, ours in zip(body.h, model.blocks, strict=True):
        yield from _block(theirs, ours)


def _block(theirs: nn.Module, ours: nn.Module) -> Iterator[Pair]:
    width = ours.norm.weight.numel()
    yield from _same(theirs.ln_1, ours.norm)
    yield from _same(theirs.ln_2, ours.mlp_norm)
    yield from _linear(theirs.mlp.c_fc, ours.mlp[0])
    yield from _linear(theirs.mlp.c_proj, ours.mlp[2])
    yield from _linear(theirs.attn.c_attn, ours.attention.query, slice(0, width))
    yield from _linear(theirs.attn.c_attn, ours.attention.key_value, slice(width, None))
    yield from _linear(theirs.attn.c_proj, ours.attention.out)
    if hasattr(theirs, "crossattention"):
        yield from _same(theirs.ln_cross_attn, ours.cross_norm)
        yield from _linear(theirs.crossattention.q_attn, ours.cross.query)
        yield from _linear(theirs.crossattention.c_attn, ours.cross.key_value)
        yield from _linear(theirs.crossattention.c_proj, ours.cross.out)


def _same(theirs: nn.Module, ours: nn.Module) -> Iterator[Pair]:
    yield theirs.weight, ours.weight
    yield theirs.bias, ours.bias


def _linear(conv1d: nn.Module, linear: nn.Linear, rows: slice = slice(None)) -> Iterator[Pair]:
    """GPT-2's Conv1D holds a matrix transposed; `rows` are the outputs that belong to `linear`."""
    yield conv1d.weight.T[rows], linear.weight
    yield conv1d.bias[rows], linear.bias
