"""MAGiC's search timed three ways, all of which must say the same. Chapter: 41_magic."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedModel

from vlm_lib.decoding.magic import Guide, Weights, magic_plain
from vlm_lib.decoding.magic_search import magic_search

BATCHED = {"candidates in a batch": False, "batch, keys and values reused": True}


def tokens_per_second(
    lm: PreTrainedModel,
    prompt: Int[Tensor, " length"],
    new_guide: Callable[[], Guide | None],
    weights: Weights,
    *,
    eos: int,
    max_tokens: int,
) -> dict[str, float]:
    """Steps per second of processor time for the first image: one by one, in a batch, and with reuse as well.

    new_guide: a guide that has not encoded any text yet, or None. Raises: RuntimeError if two ways differ in a
    token; ValueError as `magic_search`.
    """
    ends, rates, said = {"eos": eos, "max_tokens": max_tokens}, {}, set()
    guide, begin = new_guide(), time.process_time()
    cosine = partial(guide.cosine, 0) if guide else lambda tokens: 0.0
    tokens, steps = magic_plain(lm, prompt, cosine, weights, **ends)
    rates["one by one"] = len(steps) / (time.process_time() - begin)
    said.add(tuple(tokens))
    for way, reuse in BATCHED.items():
        guide, begin = new_guide(), time.process_time()
        found = magic_search(lm, prompt, guide, weights, reuse=reuse, **ends)[0]
        rates[way] = len(found.steps) / (time.process_time() - begin)
        said.add(tuple(found.tokens))
    if len(said) > 1:
        raise RuntimeError(f"the ways say different texts: {sorted(said)}")
    return rates
