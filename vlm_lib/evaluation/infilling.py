"""What a causal language model makes of a gap: filled behind the document, guessed from the left, or tried out.

Documents are equally long, as they are in a world of one tag each. Chapter: 13_cm3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from vlm_lib.data.hypertext import Marks
from vlm_lib.models.cm3 import Span, batch_of, prompt

Documents = Sequence[Sequence[int]]


@torch.no_grad()
def token_nats(model: PreTrainedModel, input_ids: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq-1"]:
    """-log p of each token but the first, given those before it."""
    logits = model(input_ids=input_ids).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), input_ids[:, 1:], reduction="none")


def left_to_right_nats(model: PreTrainedModel, documents: Documents, marks: Marks) -> Float[Tensor, "batch seq"]:
    """-log p of each token of documents that nobody has masked, and of their end."""
    ids, _ = batch_of(documents, [[]] * len(documents), marks)
    return token_nats(model, ids)


def infilling_nats(
    model: PreTrainedModel, documents: Documents, span: Span, marks: Marks
) -> Float[Tensor, "batch span"]:
    """-log p of each token of `span`, moved to the end: all that is left of it and right of it has been read."""
    ids, _ = batch_of(documents, [[span]] * len(documents), marks)
    length = span[1] - span[0]
    return token_nats(model, ids)[:, -length - 1 : -1]


@torch.no_grad()
def fill_word(
    model: PreTrainedModel, documents: Documents, at: int, candidates: Sequence[int], marks: Marks
) -> Int[Tensor, " batch"]:
    """Which candidate the model writes for the token `at`, once it is masked: one pass."""
    prompts = torch.tensor([prompt(document, [(at, at + 1)], marks) for document in documents])
    return _best(model, prompts, candidates)


@torch.no_grad()
def guess_word(
    model: PreTrainedModel, documents: Documents, at: int, candidates: Sequence[int], marks: Marks
) -> Int[Tensor, " batch"]:
    """Which candidate the model writes after what stands left of the token `at`: one pass, deaf to the rest."""
    prompts = torch.tensor([[marks.start, *document[:at]] for document in documents])
    return _best(model, prompts, candidates)


def try_words(
    model: PreTrainedModel, documents: Documents, at: int, candidates: Sequence[int], marks: Marks
) -> Int[Tensor, " batch"]:
    """Which candidate makes the whole document likeliest: a pass for each of them. By Bayes, the exact answer."""
    ids, _ = batch_of(documents, [[]] * len(documents), marks)
    totals = []
    for candidate in candidates:
        ids[:, 1 + at] = candidate  # the start mark stands before the document
        totals.append(token_nats(model, ids).sum(dim=1))
    return torch.tensor(candidates)[torch.stack(totals).argmin(dim=0)]


@torch.no_grad()
def write(
    model: PreTrainedModel, prompts: Int[Tensor, "batch seq"], length: int, allowed: Sequence[int] | None = None
) -> Int[Tensor, "batch length"]:
    """The `length` likeliest next tokens, one after the other; only `allowed` ones, if given."""
    ids = prompts
    for _ in range(length):
        logits = model(input_ids=ids).logits[:, -1]
        if allowed is None:
            newest = logits.argmax(dim=-1, keepdim=True)
        else:
            choice = torch.tensor(allowed)
            newest = choice[logits[:, choice].argmax(dim=-1, keepdim=True)]
        ids = torch.cat([ids, newest], dim=1)
    return ids[:, prompts.shape[1] :]


def _best(model: PreTrainedModel, prompts: Int[Tensor, "batch seq"], candidates: Sequence[int]) -> Tensor:
    return torch.tensor(candidates)[model(input_ids=prompts).logits[:, -1, candidates].argmax(dim=-1)]
