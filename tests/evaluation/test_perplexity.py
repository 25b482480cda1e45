"""Perplexity and the likeliest word, against a loop over single texts."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.evaluation.perplexity import next_word_accuracy, perplexity

TOKENIZER = world_tokenizer()


@pytest.fixture(params=["gpt2", "llama"])
def model(request):
    torch.manual_seed(0)
    if request.param == "gpt2":
        sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 12}
        return GPT2LMHeadModel(GPT2Config(vocab_size=len(TOKENIZER), initializer_range=0.2, **sizes)).eval()
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"max_position_embeddings": 12, "initializer_range": 0.2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(TOKENIZER), **sizes)).eval()


def test_against_a_plain_loop(model):
    texts = ["<bos> a red circle . <eos>", "<bos> a small blue star above a ring . <eos>", "<bos> red"]
    terms, guesses = [], []
    for text in texts:
        ids = TOKENIZER(text, return_tensors="pt").input_ids
        log_probabilities = model(input_ids=ids).logits[0].log_softmax(dim=-1)
        terms += [-log_probabilities[i, ids[0, i + 1]].item() for i in range(ids.shape[1] - 1)]
        guesses.append(TOKENIZER.convert_ids_to_tokens(int(log_probabilities[-1].argmax())))
    assert perplexity(model, TOKENIZER, texts) == pytest.approx(np.exp(np.mean(terms)), rel=1e-4)
    assert next_word_accuracy(model, TOKENIZER, texts, guesses) == 1.0
    assert next_word_accuracy(model, TOKENIZER, texts, [guesses[0], "<image>", "<image>"]) == pytest.approx(1 / 3)


def test_long_texts_are_cut_at_the_longest_sequence(model):
    words = "<bos> a red circle left of a small blue star above a ring ."
    cut = " ".join(words.split()[:12])
    assert perplexity(model, TOKENIZER, [words]) == pytest.approx(perplexity(model, TOKENIZER, [cut]), rel=1e-6)


def test_refusals(model):
    with pytest.raises(ValueError, match="texts: got none"):
        perplexity(model, TOKENIZER, [])
    with pytest.raises(ValueError, match="words: got 1 for 3 prompts"):
        next_word_accuracy(model, TOKENIZER, ["a", "b", "c"], ["red"])
