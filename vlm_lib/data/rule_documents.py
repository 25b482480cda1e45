"""Documents whose labels follow a rule that only the document's other labels tell: what examples are good for.

    <bos> large red circle : red , small blue star : blue , small pink ring : pink ,

Each object is labelled by its shape, its colour or its size, the same attribute throughout one document. In a
document with pictures an <image> tag takes the place of the three words. Chapter: 12_simvlm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vlm_lib.data.attributes import COLOURS, SHAPES, SIZES
from vlm_lib.data.tokenizer import IMAGE

IGNORED = -100
RULES = ("shape", "colour", "size")  # the order of `Objects.attributes`


@dataclass(frozen=True)
class RuleDocuments:
    """Writes documents with the words of a tokenizer of `world_tokenizer`."""

    tokenizer: PreTrainedTokenizerBase

    def ids(self, *words: str) -> Int[Tensor, " words"]:
        return torch.tensor(self.tokenizer.convert_tokens_to_ids(list(words)))

    def names(self, attributes: Int[Tensor, "*n 3"]) -> Int[Tensor, "*n 3"]:
        """The words for shape, colour and size of each object."""
        tables = [self.ids(*names) for names in (SHAPES, COLOURS, SIZES)]
        return torch.stack([table[attributes[..., i]] for i, table in enumerate(tables)], dim=-1)

    def write(
        self, attributes: Int[Tensor, "n objects 3"], rule: Int[Tensor, " n"], *, pictures: bool
    ) -> Int[Tensor, "n seq"]:
        """One document for each row; `pictures` puts an <image> tag in the place of the three words."""
        n, objects, _ = attributes.shape
        names = self.names(attributes)
        label = names.gather(2, rule[:, None, None].expand(n, objects, 1))
        tag, colon, comma = (self.ids(word).expand(n, objects, 1) for word in (IMAGE, ":", ","))
        shown = tag if pictures else names.flip(2)  # size, colour, shape: as one says it
        body = torch.cat([shown, colon, label, comma], dim=2).flatten(1)
        return torch.cat([torch.full((n, 1), self.tokenizer.bos_token_id), body], dim=1)

    def draw_text(self, n: int, objects: int, rng: np.random.Generator) -> Int[Tensor, "n seq"]:
        """Documents without pictures, about objects drawn at random."""
        sizes = (len(SHAPES), len(COLOURS), len(SIZES))
        drawn = np.stack([rng.integers(size, size=(n, objects)) for size in sizes], axis=-1)
        return self.write(torch.from_numpy(drawn), draw_rules(n, rng), pictures=False)

    def labels_at(self, objects: int, *, pictures: bool) -> Int[Tensor, " objects"]:
        """The positions from which the labels are predicted: those of the colons."""
        step = 4 if pictures else 6
        return torch.arange(objects) * step + step - 2

    def targets(self, ids: Int[Tensor, "n seq"]) -> Int[Tensor, "n seq"]:
        """The word after each, -100 where a picture comes or nothing does."""
        after = torch.cat([ids[:, 1:], torch.full_like(ids[:, :1], IGNORED)], dim=1)
        return after.masked_fill(after == self.ids(IMAGE), IGNORED)


def draw_rules(n: int, rng: np.random.Generator) -> Int[Tensor, " n"]:
    """Which attribute each document names: an index into RULES."""
    return torch.from_numpy(rng.integers(len(RULES), size=n))


def cut_into_pairs(ids: Int[Tensor, "n seq"]) -> Int[Tensor, "n*objects 5"]:
    """Documents with pictures, cut: each picture with its label alone, behind a <bos> of its own."""
    if (ids.shape[1] - 1) % 4:
        raise ValueError(f"ids: got {ids.shape[1]} words, expected <bos> and four for each picture")
    parts = ids[:, 1:].unflatten(1, (-1, 4)).flatten(0, 1)
    return torch.cat([ids[:1, :1].expand(len(parts), 1), parts], dim=1)
