"""How well a language model predicts: perplexity, and its likeliest word. Chapter: 01_worlds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase


@torch.no_grad()
def perplexity(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """exp of the mean negative log-likelihood of a token, over all tokens of all texts but the first of each.

    Texts are cut at the model's longest sequence. Raises: ValueError if there are no texts. Chapter: 01_worlds.
    """
    total, count = 0.0, 0
    for ids, mask in _batches(model, tokenizer, texts):
        logits = model(input_ids=ids, attention_mask=mask).logits
        targets = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        total += float(F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), reduction="sum"))
        count += int(mask[:, 1:].sum())
    return math.exp(total / count)


@torch.no_grad()
def next_word_accuracy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], words: Sequence[str]
) -> float:
    """How often the likeliest word after each prompt is the expected one. Raises: ValueError if lengths differ."""
    if len(prompts) != len(words):
        raise ValueError(f"words: got {len(words)} for {len(prompts)} prompts, expected one each")
    expected = torch.tensor(tokenizer.convert_tokens_to_ids(list(words)))
    guesses = []
    for ids, mask in _batches(model, tokenizer, prompts):
        logits = model(input_ids=ids, attention_mask=mask).logits
        last = mask.sum(dim=1) - 1
        guesses.append(logits[torch.arange(len(ids)), last].argmax(dim=-1).cpu())
    return float((torch.cat(guesses) == expected).float().mean())


def _batches(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]):
    if len(texts) == 0:
        raise ValueError("texts: got none, expected at least one")
    for start in range(0, len(texts), 128):
        batch = tokenizer(
            list(texts[start : start + 128]),
            padding=True,
            truncation=True,
            max_length=model.config.max_position_embeddings,
            return_tensors="pt",
        ).to(model.device)
        yield batch.input_ids, batch.attention_mask
