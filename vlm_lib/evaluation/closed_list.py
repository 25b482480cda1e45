"""How likely a language model finds each answer of a list after a prompt. Chapter: 42_pica."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase


class AnswerScorer:
    """log p(answer | prompt) for every answer of a list, in one pass over the prompt and all answers behind it.

    What the model has computed for the last prompt is kept, and what the next one shares with it from the start on
    is not read again: prompts in alphabetical order share most. Speed is all that this changes.
    """

    def __init__(self, lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        self.lm, self.tokenizer = lm, tokenizer
        self._read: list[int] = []
        self._cache = DynamicCache(config=lm.config)

    def tokens(self, answer: str) -> list[int]:
        """An answer as it follows "A:": with a space before it."""
        return self.tokenizer(" " + answer, add_special_tokens=False).input_ids

    @torch.no_grad()
    def __call__(self, prompt: str, answers: Sequence[str]) -> Float[Tensor, " answers"]:
        """The sum of each answer's token log-probabilities, in nats; no end mark is asked for.

        Raises: ValueError for an empty prompt, or no answers, or an empty one.
        """
        if not prompt or isinstance(answers, str) or not answers or not all(answers):
            raise ValueError(
                f"got the prompt {prompt!r} and answers {answers!r}, expected text, and a list of texts"
            )
        tokens = [self.tokens(answer) for answer in answers]
        new = self._unread(self.tokenizer(prompt, add_special_tokens=False).input_ids)
        chances = self._chances(new, [answer[:-1] for answer in tokens])
        sums, place = [], 1
        for answer in tokens:
            rows = [0, *range(place, place + len(answer) - 1)]  # row 0: after the prompt, where each answer begins
            sums.append(chances[rows, answer].sum())
            place += len(answer) - 1
        return torch.stack(sums)

    def _unread(self, ids: list[int]) -> list[int]:
        """What of a prompt is to be read, one token at least; the cache is cut back to what comes before it."""
        shared = 0
        while shared < min(len(ids) - 1, len(self._read)) and ids[shared] == self._read[shared]:
            shared += 1
        self._forget(len(self._read) - shared)
        self._read = ids
        return ids[shared:]

    def _chances(self, new: list[int], parts: list[list[int]]) -> Float[Tensor, "rows vocab"]:
        """Log-probabilities after the end of the prompt, and after each token of several ways to go on from it."""
        ids = [*new, *(token for part in parts for token in part)]
        behind = torch.tensor([j for part in parts for j in range(len(part))], dtype=torch.long)
        old, device = len(self._read) - len(new), self.lm.device
        positions = torch.cat([torch.arange(old, len(self._read)), len(self._read) + behind])
        seen = side_by_side(old, len(new), [len(part) for part in parts])
        barred = torch.zeros(seen.shape, dtype=self.lm.dtype).masked_fill(~seen, torch.finfo(self.lm.dtype).min)
        logits = self.lm(
            input_ids=torch.tensor([ids], device=device),
            attention_mask=barred[None, None].to(device),
            position_ids=positions[None].to(device),
            cache=self._cache,
            use_cache=True,
            logits_to_keep=1 + len(behind),
        ).logits
        self._forget(len(behind))
        return logits[0].float().log_softmax(dim=-1)

    def _forget(self, tokens: int) -> None:
        if tokens:
            self._cache.crop(-tokens)


def side_by_side(old: int, new: int, lengths: Sequence[int]) -> Bool[Tensor, "rows keys"]:
    """Who sees whom: `old` tokens are in the cache, `new` ones follow, then parts of these lengths, side by side.

    A token of a part sees all that stands before the parts, and its own part up to itself.
    """
    owner = torch.tensor([-1] * new + [i for i, length in enumerate(lengths) for _ in range(length)])
    order = torch.arange(len(owner))
    fresh = (order[:, None] >= order) & ((owner == -1) | (owner[:, None] == owner))
    return torch.cat([torch.ones(len(owner), old, dtype=torch.bool), fresh], dim=1)
