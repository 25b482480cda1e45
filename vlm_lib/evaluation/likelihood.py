"""How likely a language model finds a sentence: what is left of a test when nobody looks.

Chapter: 51_evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

IGNORE = -100


@torch.no_grad()
def sentence_nats(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, batch: int = 128
) -> Float[Tensor, " n"]:
    """-log p of each text under a causal model, without its first token, in nats; lower is likelier.

    Each text begins with the token after which the model is to judge it, usually that of the beginning.
    Raises: ValueError for no texts, or a bare string. Chapter: 51_evaluation.
    """
    if isinstance(texts, str) or len(texts) == 0:
        raise ValueError(f"texts: got {texts!r}, expected a non-empty list of strings")
    nats = []
    for start in range(0, len(texts), batch):
        read = tokenizer(list(texts[start : start + batch]), padding=True, return_tensors="pt").to(model.device)
        logits = model(input_ids=read.input_ids, attention_mask=read.attention_mask).logits[:, :-1]
        targets = read.input_ids[:, 1:].masked_fill(read.attention_mask[:, 1:] == 0, IGNORE)
        each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="none")
        nats.append(each.view(targets.shape).sum(dim=1))
    return torch.cat(nats)
