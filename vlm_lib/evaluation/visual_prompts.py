"""What a model with a visual prefix answers: the likeliest next word after pictures and text.

Chapter: 21_frozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.data.album import Games, answer_ids, caption_ids, given, question_ids
from vlm_lib.models.frozen import Frozen


@torch.no_grad()
def next_word(
    model: Frozen, pixels: Float[Tensor, "images 3 h w"], ids: Int[Tensor, "batch seq"]
) -> Float[Tensor, "batch vocab"]:
    """The chance of every word to come next, after prompts of equal length."""
    return model(pixels, ids)[:, -1].softmax(dim=-1)


def answers_right(
    model: Frozen, pictures: Float[Tensor, "things views 3 h w"], rows: Sequence[int], question: str
) -> float:
    """How often the likeliest of all words is the answer, over all views of the things `rows`."""
    shown = pictures[list(rows)]
    said = next_word(model, shown.flatten(0, 1), question_ids(question, shown.shape[0] * shown.shape[1]))
    wanted = answer_ids(question, rows).repeat_interleave(shown.shape[1])
    return float((said.argmax(dim=-1) == wanted).float().mean())


def naming_right(model: Frozen, games: Games) -> float:
    """How often the likeliest of all words is the right made-up word."""
    said = next_word(model, games.pixels.flatten(0, 1), games.ids).argmax(dim=-1)
    return float((said == games.answers).float().mean())


@torch.no_grad()
def caption_nats(model: Frozen, pictures: Float[Tensor, "things views 3 h w"], rows: Sequence[int]) -> float:
    """Mean cross-entropy of the names in captions, in nats per token, over all views of the things `rows`."""
    shown = pictures[list(rows)]
    ids = caption_ids(rows).repeat_interleave(shown.shape[1], dim=0)
    return float(model.loss(shown.flatten(0, 1), ids, given=given()))
