"""How much of what only the pictures can tell does a model say right? Chapter: 34_flamingo."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vlm_lib.data.documents import Documents
from vlm_lib.training.pages import Pages, page_loss


def attributes_right(logits: Float[Tensor, "n seq vocab"], documents: Documents) -> Bool[Tensor, " words"]:
    """For every colour and shape word, in the order of the text: was it the most likely next word?"""
    right = logits[:, :-1].argmax(dim=-1).cpu() == documents.input_ids[:, 1:]
    return right[documents.answer_mask[:, 1:]]


@torch.no_grad()
def attribute_accuracy(model: nn.Module, pages: Pages) -> float:
    """Share of attribute words that model(input_ids, features) predicts right after the true words before them."""
    logits = model(pages.documents.input_ids, pages.features)
    return attributes_right(logits, pages.documents).float().mean().item()


@torch.no_grad()
def text_nats(model: nn.Module, pages: Pages) -> float:
    """The loss of training on these pages, in nats per token of text."""
    return page_loss(model, pages).item()


@torch.no_grad()
def prediction_shift(
    model: nn.Module,
    pages: Pages,
    changed: Pages,
    at: Bool[Tensor, "n seq"],
    attention_mask: Tensor | None = None,
) -> float:
    """How far next-word predictions move, at the positions `at`, when pages are `changed` but their words are not.

    The mean Kullback-Leibler divergence from the one prediction to the other, in nats. `attention_mask` goes to
    the model, for interventions on its self-attention. Raises: ValueError if the words differ.
    """
    ids = pages.documents.input_ids
    if not torch.equal(ids, changed.documents.input_ids):
        raise ValueError("changed has other words than pages, expected the same texts beside other images")
    before, after = (model(ids, p.features, attention_mask).log_softmax(dim=-1) for p in (pages, changed))
    return F.kl_div(after, before, log_target=True, reduction="none").sum(dim=-1)[at].mean().item()
