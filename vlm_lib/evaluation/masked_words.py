"""What does a model say of a masked word that only the picture can tell? Chapter: 11_visualbert."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vlm_lib.checks import check_one_of
from vlm_lib.data.attributes import COLOURS, SHAPES, SIZES
from vlm_lib.data.captioned_regions import CaptionedRegions, bert_tokenizer
from vlm_lib.training.seeds import stream

KINDS = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "side": ("left", "right")}
Says = Callable[[CaptionedRegions], Float[Tensor, "n positions vocab"]]


def asked(data: CaptionedRegions, kind: str, seed: int = 0) -> CaptionedRegions:
    """One word of a kind behind <mask> in every caption that has one.

    "side" is left or right after "above and" alone: elsewhere the words around it give it away. Of several words,
    one is drawn. Raises: ValueError for an unknown kind.
    """
    check_one_of("kind", kind, tuple(KINDS))
    there = is_kind(data.input_ids, kind)
    if kind == "side":
        there[:, 1:] &= data.input_ids[:, :-1] == bert_tokenizer().convert_tokens_to_ids("and")
    chance = torch.from_numpy(stream(seed, f"asked {kind}").random(there.shape)).masked_fill(~there, 2)
    rows = there.any(dim=1)
    return data[rows.numpy()].masked_at(chance.argmin(dim=1)[rows])


def is_kind(input_ids: Int[Tensor, "n seq"], kind: str) -> Bool[Tensor, "n seq"]:
    """`True` at the words of a kind."""
    return torch.isin(input_ids, torch.tensor(bert_tokenizer().convert_tokens_to_ids(list(KINDS[kind]))))


@torch.no_grad()
def masked_right(says: Says, data: CaptionedRegions) -> Bool[Tensor, " n"]:
    """For each masked word, in the order of the text: was it what the model held most likely?"""
    masked = data.labels >= 0
    return says(data)[:, : masked.shape[1]].argmax(dim=-1)[masked] == data.labels[masked]


def masked_accuracy(says: Says, data: CaptionedRegions, kind: str) -> float:
    """Share of the masked words of a kind that a model says right, one word per caption."""
    return masked_right(says, asked(data, kind)).float().mean().item()
