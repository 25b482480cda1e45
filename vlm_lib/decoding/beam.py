"""Beam search: at each step the best few texts so far are kept, not only the best one. Chapter: 22_clipcap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from vlm_lib.checks import check_at_least, require_shape


@dataclass(frozen=True)
class Beam:
    """A text without its end, the logarithm of its probability (with the end), and whether it came to its end."""

    tokens: tuple[int, ...]
    log_probability: float
    ended: bool

    def score(self, length_penalty: float) -> float:
        """The sum divided by length ** penalty, the end counted: 0 compares sums, 1 compares means."""
        return self.log_probability / (len(self.tokens) + self.ended) ** length_penalty


@torch.no_grad()
def beam_search(
    lm: PreTrainedModel,
    prefix: Float[Tensor, "length width"],
    *,
    eos: int,
    max_tokens: int,
    beams: int = 5,
    length_penalty: float = 1.0,
) -> list[Beam]:
    """The best `beams` continuations of one prefix that were found, best score first.

    A text that ends leaves its place to another that goes on; the search stops when `beams` have ended or at
    `max_tokens`, where those still going on are kept as they are. Every step reads the whole texts again. Raises:
    ValueError for another shape, or beams or max_tokens < 1.
    """
    table = lm.get_input_embeddings()
    require_shape("prefix", prefix, length=None, width=table.embedding_dim)
    check_at_least("beams", beams, 1)
    going, ended = [Beam((), 0.0, False)], []
    for step in range(1, check_at_least("max_tokens", max_tokens, 1) + 1):
        texts = torch.tensor([beam.tokens for beam in going], dtype=torch.long, device=prefix.device)
        inputs = torch.cat([prefix.expand(len(going), -1, -1), table(texts)], dim=1)
        chances = lm(inputs_embeds=inputs, use_cache=False).logits[:, -1].log_softmax(dim=-1)
        total = chances + torch.tensor([beam.log_probability for beam in going], device=chances.device)[:, None]
        # twice as many: at worst, half of them have come to their end
        values, places = total.flatten().topk(min(2 * beams, total.numel()))
        candidates = []
        for value, place in zip(values.tolist(), places.tolist(), strict=True):
            parent, token = divmod(place, total.shape[1])
            tokens = going[parent].tokens
            candidates.append(Beam(tokens, value, True) if token == eos else Beam((*tokens, token), value, False))
        ended += [beam for beam in candidates[:beams] if beam.ended or step == max_tokens]
        going = [beam for beam in candidates if not beam.ended][:beams]
        if len(ended) >= beams:
            break
    return sorted(ended, key=lambda beam: beam.score(length_penalty), reverse=True)[:beams]
