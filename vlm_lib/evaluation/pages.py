"""How much of what only the pictures can tell does a model say right? Chapter: 34_flamingo."""

import torch
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
