"""How good the small language model is: perplexities, remembered facts, and whether the context steers it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from vlm_lib.data import openmoji_metadata, scenes
from vlm_lib.data.tokenizer import BOS
from vlm_lib.zoo.lm_texts import ask, knowledge_documents, scene_documents

TEST_SEED = 9_000


def measure_lm(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    """The zoo's figures for the small LM.

    scene perplexity: of documents about scenes that training did not draw. knowledge perplexity, fact
    accuracy: of the facts it was trained on, so they tell what it remembers; the accuracy is of the first
    word after "X is a kind of". answers: to questions about a scene whose caption stands before the question;
    "(no caption)": the same questions with nothing before them, the part that needs no context.
    """
    drawn = scenes.generate(512, TEST_SEED)
    described = [f"{BOS} {caption}" for caption in scenes.captions(drawn)]
    asked = scenes.questions(drawn, TEST_SEED)
    answers = [answer for _, answer in asked]
    facts = [
        (f"{BOS} {record.name} is a kind of", record.subgroup.split()[0]) for record in openmoji_metadata.records()
    ]
    return {
        "scene perplexity": perplexity(model, tokenizer, scene_documents(512, TEST_SEED)),
        "knowledge perplexity": perplexity(model, tokenizer, knowledge_documents(TEST_SEED)),
        "fact accuracy": next_word_accuracy(model, tokenizer, *zip(*facts, strict=True)),
        "answers": next_word_accuracy(
            model,
            tokenizer,
            [f"{text} {ask(question)}" for text, (question, _) in zip(described, asked, strict=True)],
            answers,
        ),
        "answers (no caption)": next_word_accuracy(
            model, tokenizer, [f"{BOS} {ask(question)}" for question, _ in asked], answers
        ),
    }


@torch.no_grad()
def perplexity(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """exp of the mean negative log-likelihood of a token, over all tokens of all texts but the first of each.

    Texts are cut at the model's longest sequence. Raises: ValueError if there are no texts. Chapter: 22_clipcap.
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
    model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], words: Sequence[str]
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


def _batches(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]):
    if len(texts) == 0:
        raise ValueError("texts: got none, expected at least one")
    for start in range(0, len(texts), 128):
        batch = tokenizer(
            list(texts[start : start + 128]),
            padding=True,
            truncation=True,
            max_length=model.config.n_positions,
            return_tensors="pt",
        ).to(model.device)
        yield batch.input_ids, batch.attention_mask
