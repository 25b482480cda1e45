"""The three timed ways: each has a rate, and ways that differ in a token are refused."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.decoding.magic import Guide, Weights
from vlm_lib.decoding.magic_speed import tokens_per_second
from vlm_lib.training.seeds import seed_everything


@pytest.fixture
def lm():
    seed_everything(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=9, n_positions=16, n_embd=8, n_layer=1, n_head=2)).eval()


def test_every_way_has_a_rate(lm):
    rates = tokens_per_second(lm, torch.tensor([1, 2]), lambda: None, Weights(3, 0.4), eos=0, max_tokens=4)
    assert list(rates) == ["one by one", "candidates in a batch", "batch, keys and values reused"]
    assert all(rate > 0 for rate in rates.values())


def test_ways_that_say_different_things_are_refused(lm):
    pictures = iter(torch.eye(3))  # each way is steered by another picture

    def encode(texts):
        return torch.stack([torch.eye(3)[sum(map(ord, text)) % 3] for text in texts])

    def new_guide():
        return Guide(next(pictures)[None], encode, lambda tokens: "".join(map(str, tokens)))

    with pytest.raises(RuntimeError, match="different texts"):
        tokens_per_second(lm, torch.tensor([1, 2]), new_guide, Weights(5, 0.0, 5.0, 50.0), eos=0, max_tokens=5)
