"""A Flamingo small enough for unit tests, over random language models of the two families that the book uses."""

import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from vlm_lib.models.flamingo import Flamingo

VOCAB, IMAGE, MEDIA_DIM, PATCHES = 40, 39, 12, 4
FAMILIES = ["gpt2", "llama"]


class Tower(nn.Module):
    """A vision tower with everything that must stay frozen: weights, dropout, running statistics."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, MEDIA_DIM, kernel_size=4, stride=4)
        self.norm = nn.BatchNorm2d(MEDIA_DIM)
        self.dropout = nn.Dropout(0.5)

    def forward(self, pixels):
        return self.dropout(self.norm(self.patches(pixels))).flatten(2).transpose(1, 2)


def language_model(family, layers=3):
    """GPT-2, or Llama as SmolLM2 has it: grouped keys and values, tied embeddings. Dropout is on by default."""
    if family == "gpt2":
        sizes = {"n_positions": 64, "n_embd": 16, "n_layer": layers, "n_head": 2}
        config = GPT2Config(
            vocab_size=VOCAB,
            **sizes,
            initializer_range=0.3,
            tie_word_embeddings=False,
            bos_token_id=0,
            eos_token_id=1,
        )
        return GPT2LMHeadModel(config)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": layers, "num_attention_heads": 4}
    options = {"num_key_value_heads": 2, "tie_word_embeddings": True, "attention_dropout": 0.1, "pad_token_id": 0}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, **sizes, **options, initializer_range=0.3))


def flamingo(lm, *, gates=None, **options):
    """`gates`: open both gates of every block to this value; None leaves the model as it starts."""
    sizes = {"num_latents": 3, "resampler_depth": 1, "heads": 2, "head_dim": 4, "ff_mult": 2}
    model = Flamingo(Tower(), lm, media_dim=MEDIA_DIM, image_token_id=IMAGE, **sizes, **options)
    if gates is not None:
        for block in model.blocks:
            block.attention_gate.data.fill_(gates)
            block.feed_forward_gate.data.fill_(gates)
            block.attention.to_out.weight.data.mul_(2)
        # fresh latents drown the features that they read: let the images be what the words depend on
        model.resampler.latents.data.mul_(0.1)
    return model


def features(batch, images):
    return torch.randn(batch, images, PATCHES, MEDIA_DIM)


def text(*rows):
    """Token ids from words: "<" stands for an image tag, anything else for a number."""
    return torch.tensor([[IMAGE if word == "<" else int(word) for word in row.split()] for row in rows])
