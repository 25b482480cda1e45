"""MAGiC for many images at once: candidates in one batch, keys and values of the text so far used again.

The LM reads each token once, for all its candidates at once; what it says after the candidate that is taken is
already there when the next step asks. Source: as `decoding.magic`. Chapter: 41_magic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.decoding.magic import Guide, Step, Weights, degeneration_penalty, magic_score
from vlm_lib.models.frozen_lm import cache_argument, require_positions


@dataclass(frozen=True)
class Found:
    """A text's tokens, without its end, and the steps that led there, the one that ended it included."""

    tokens: list[int]
    steps: list[Step]


def magic_search(
    lm: PreTrainedModel,
    prompt: Int[Tensor, " length"],
    guide: Guide | None,
    weights: Weights,
    *,
    eos: int,
    max_tokens: int,
    reuse: bool = True,
    watch_penalty: bool = False,
) -> list[Found]:
    """A text for each image of `guide`, all begun by the same prompt; without a guide one text, by the LM alone.

    reuse: keep keys and values; the tokens are the same without. watch_penalty: record it even where alpha is 0,
    which costs the LM a read of every candidate. Raises: ValueError for an empty prompt, one that leaves the LM no
    room, max_tokens < 1, or beta > 0 without a guide.
    """
    require_shape("prompt", prompt, length=None)
    require_positions(lm, len(prompt) + check_at_least("max_tokens", max_tokens, 1), "prompt and max_tokens")
    if guide is None and weights.beta > 0:
        raise ValueError(f"guide: got None with beta {weights.beta}, expected the images that are to steer")
    n = 1 if guide is None else len(guide.features)
    found = [Found([], []) for _ in range(n)]
    going = torch.arange(n)
    state = _Reader(lm, reuse).start(prompt.expand(n, -1))
    for _ in range(max_tokens):
        confidence, candidates = state.logits.softmax(dim=-1).topk(weights.k)
        penalty, cosine = torch.zeros_like(confidence), torch.zeros_like(confidence)
        if weights.alpha > 0 or watch_penalty:
            state.look_ahead(candidates)
            penalty = degeneration_penalty(state.ahead, state.hidden)
        if weights.beta > 0:
            rows = going.tolist()
            texts = [
                [(*found[row].tokens, token) for token in each]
                for row, each in zip(rows, candidates.tolist(), strict=True)
            ]
            cosine = guide.cosines(rows, texts).to(confidence)
        best = magic_score(confidence, penalty, cosine, weights).argmax(dim=-1)
        for i, row in enumerate(going.tolist()):
            terms = (candidates[i], confidence[i], penalty[i], cosine[i])
            found[row].steps.append(Step(*terms, int(best[i])))
        taken = candidates.gather(1, best[:, None])[:, 0]
        kept = (taken != eos).nonzero()[:, 0]
        for i in kept.tolist():
            found[int(going[i])].tokens.append(int(taken[i]))
        if len(kept) == 0:
            break
        going = going[kept.to(going.device)]
        state.take(best, taken, kept)
    return found


class _Reader:
    """An LM in the middle of n texts of one length: their states, the logits after them, what was read ahead."""

    def __init__(self, lm: PreTrainedModel, reuse: bool):
        self.lm, self.reuse = lm, reuse
        self.cache: DynamicCache | None = None
        self.ids: Int[Tensor, "n length"]
        self.hidden: Float[Tensor, "n length dim"]
        self.logits: Float[Tensor, "n vocab"]
        self.ahead: Float[Tensor, "n k dim"] | None = None

    def start(self, ids: Int[Tensor, "n length"]) -> _Reader:
        """Read the prompt: once, since it is the same for all."""
        self.ids = ids
        self.hidden, self.logits = self._read(ids[:1], fresh=True)
        self.hidden, self.logits = (x.expand(len(ids), *x.shape[1:]) for x in (self.hidden, self.logits))
        if self.reuse and len(ids) > 1:
            self.cache.batch_repeat_interleave(len(ids))
        return self

    def look_ahead(self, candidates: Int[Tensor, "n k"]) -> None:
        """Read every candidate behind its text."""
        n, k = candidates.shape
        if self.reuse:
            self.cache.batch_repeat_interleave(k)
            hidden, logits = self._read(candidates.reshape(-1, 1))
        else:
            ids = torch.cat([self.ids.repeat_interleave(k, dim=0), candidates.reshape(-1, 1)], dim=1)
            hidden, logits = self._read(ids)
        self.ahead, self.ahead_logits = hidden[:, -1].unflatten(0, (n, k)), logits.unflatten(0, (n, k))

    def take(self, best: Int[Tensor, " n"], taken: Int[Tensor, " n"], kept: Int[Tensor, " m"]) -> None:
        """Go on with the texts `kept`, each by its own token; nothing is read that was read ahead."""
        self.ids = torch.cat([self.ids, taken[:, None]], dim=1)[kept]
        if self.ahead is None:
            if self.reuse:
                self.cache.batch_select_indices(kept)
                new, self.logits = self._read(taken[kept, None])
                self.hidden = torch.cat([self.hidden[kept], new], dim=1)
            else:
                self.hidden, self.logits = self._read(self.ids)
            return
        k = self.ahead.shape[1]
        if self.reuse:
            self.cache.batch_select_indices(kept * k + best[kept])
        self.hidden = torch.cat([self.hidden[kept], self.ahead[kept, best[kept]][:, None]], dim=1)
        self.logits, self.ahead = self.ahead_logits[kept, best[kept]], None

    @torch.no_grad()
    def _read(self, ids: Int[Tensor, "rows length"], fresh: bool = False) -> tuple[Tensor, Tensor]:
        options = {}
        if self.reuse:
            self.cache = DynamicCache() if fresh else self.cache
            options[cache_argument(self.lm)] = self.cache
        output = self.lm(input_ids=ids, output_hidden_states=True, use_cache=self.reuse, **options)
        return output.hidden_states[-1], output.logits[:, -1]
