"""The likeliest token at each step. Chapter: 22_clipcap."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from vlm_lib.checks import check_at_least, require_shape


@torch.no_grad()
def greedy(
    lm: PreTrainedModel, prefix: Float[Tensor, "n length width"], *, eos: int, max_tokens: int
) -> list[list[int]]:
    """Each prefix continued by the LM's likeliest token, until `eos`, which is left out, or `max_tokens`.

    Plain: every step reads the whole text again. Raises: ValueError for another shape, or max_tokens < 1.
    """
    table = lm.get_input_embeddings()
    require_shape("prefix", prefix, n=None, length=None, width=table.embedding_dim)
    texts: list[list[int]] = [[] for _ in prefix]
    going = list(range(len(prefix)))
    inputs = prefix
    for _ in range(check_at_least("max_tokens", max_tokens, 1)):
        best = lm(inputs_embeds=inputs[going], use_cache=False).logits[:, -1].argmax(dim=-1)
        newest = torch.full((len(prefix),), eos, device=prefix.device)
        newest[going] = best
        inputs = torch.cat([inputs, table(newest)[:, None]], dim=1)
        going = [row for row in going if newest[row] != eos]
        for row in going:
            texts[row].append(int(newest[row]))
        if not going:
            break
    return texts
