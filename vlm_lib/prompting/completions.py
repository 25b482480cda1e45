"""What a frozen causal language model says to prompts, in the two forms that a conversation needs.

`log_probs` lets it choose from a closed list, `write` lets it write. Both read prompts in batches of like length.
Chapter: 43_socratic_models.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from vlm_lib.checks import check_at_least

BATCH = 32


def answer_tokens(tokenizer: PreTrainedTokenizerBase, answers: Sequence[str]) -> Int[Tensor, " answers"]:
    """The one token of each answer, with the space before it that a word within a sentence has.

    Raises: ValueError for fewer than two answers, or one that isn't a single token.
    """
    if isinstance(answers, str) or len(set(answers)) < 2 or len(set(answers)) < len(answers):
        raise ValueError(f"answers: got {answers!r}, expected at least two different words")
    ids = tokenizer([f" {answer}" for answer in answers], add_special_tokens=False).input_ids
    long = [answer for answer, row in zip(answers, ids, strict=True) if len(row) != 1]
    if long:
        raise ValueError(f"answers: {long} have several tokens each, expected words of one token")
    return torch.tensor(ids)[:, 0]


@torch.no_grad()
def log_probs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    answers: Sequence[str],
) -> Float[Tensor, "n answers"]:
    """log p(answer | prompt) for each answer of the closed list, in nats; not normalised over the list.

    A prompt ends without a space. Raises: ValueError as `answer_tokens`, or for a prompt that ends in one, after
    which the answers' tokens, which begin with a space, are never expected.
    """
    tokens = answer_tokens(tokenizer, answers)
    found = torch.empty(len(prompts), len(answers))
    for rows, ids, mask in _batches(tokenizer, prompts, left=False):
        last = mask.sum(dim=1) - 1  # a causal model doesn't see the padding behind
        states = model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        logits = model.lm_head(states[torch.arange(len(rows)), last])
        found[rows] = logits.log_softmax(dim=-1)[:, tokens]
    return found


@torch.no_grad()
def write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    *,
    max_tokens: int,
    count: int = 1,
    temperature: float = 0.0,
    seed: int = 0,
) -> Int[Tensor, "n count max_tokens"]:
    """Token ids of `count` continuations per prompt; behind the end of a text stands the end token.

    temperature: the logits are divided by it before a token is drawn; 0 takes the likeliest token. A prompt is
    read once, however many continuations it has. Raises: ValueError as above, or for a bad count or temperature.
    """
    count, max_tokens = check_at_least("count", count, 1), check_at_least("max_tokens", max_tokens, 1)
    if not temperature >= 0 or (temperature == 0 and count > 1):
        raise ValueError(f"temperature: got {temperature} for {count} texts, expected > 0, or 0 for one text")
    generator = torch.Generator().manual_seed(seed)
    written = torch.empty(len(prompts), count, max_tokens, dtype=torch.long)
    for rows, ids, mask in _batches(tokenizer, prompts, left=True):
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        cache = DynamicCache()
        read = partial(model, **{_cache_argument(model): cache}, use_cache=True)
        out = read(input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1)
        logits = out.logits[:, -1].repeat_interleave(count, dim=0)
        cache.batch_repeat_interleave(count)
        mask, at = (each.repeat_interleave(count, dim=0) for each in (mask, positions[:, -1:] + 1))
        done = torch.zeros(len(mask), dtype=torch.bool)
        texts = []
        for step in range(max_tokens):
            tokens = _choose(logits, temperature, generator).masked_fill(done, tokenizer.eos_token_id)
            texts.append(tokens)
            done = tokens == tokenizer.eos_token_id
            if step < max_tokens - 1:
                mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
                out = read(input_ids=tokens[:, None], attention_mask=mask, position_ids=at + step)
                logits = out.logits[:, -1]
        written[rows] = torch.stack(texts, dim=1).view(len(rows), count, max_tokens)
    return written


def _cache_argument(model: PreTrainedModel) -> str:
    """transformers has renamed it."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _choose(logits: Float[Tensor, "n vocab"], temperature: float, generator: torch.Generator) -> Int[Tensor, " n"]:
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = (logits / temperature).softmax(dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def _batches(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], *, left: bool):
    """Rows, ids and mask, prompts of like length together; the padding stands on the left or on the right."""
    if isinstance(prompts, str) or not prompts or any(not p or p[-1] == " " for p in prompts):
        raise ValueError("prompts: expected a non-empty list of texts that do not end in a space")
    ids = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for rows in (order[start : start + BATCH] for start in range(0, len(order), BATCH)):
        width = max(len(ids[row]) for row in rows)
        pad = [[0] * (width - len(ids[row])) for row in rows]
        one = [[1] * len(ids[row]) for row in rows]
        joined = [p + t if left else t + p for p, t in zip(pad, (ids[row] for row in rows), strict=True)]
        mask = [p + t if left else t + p for p, t in zip(pad, one, strict=True)]
        yield rows, torch.tensor(joined), torch.tensor(mask)
