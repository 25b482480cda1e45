"""New tokens for an LM whose old ones must not change: their rows are parameters of their own.

Masking the gradient of one large matrix would not do: weight decay and momentum move rows without a gradient.
Chapter: 34_flamingo.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel


class GrownEmbedding(nn.Module):
    """ids [*n] -> [*n dim]: rows of `old` below `known`, rows of `new` from there on."""

    def __init__(self, old: nn.Embedding, new: nn.Parameter, known: int):
        super().__init__()
        self.old, self.new, self.known = old, new, known

    def forward(self, ids: Int[Tensor, "*n"]) -> Float[Tensor, "*n dim"]:
        known = self.old(ids.clamp(max=self.known - 1))
        added = F.embedding((ids - self.known).clamp(min=0), self.new).to(known.dtype)
        return torch.where((ids < self.known)[..., None], known, added)


class GrownHead(nn.Module):
    """[*n dim] -> [*n known+added]: the logits of the old words, then those of the new ones."""

    def __init__(self, old: nn.Linear, new: nn.Parameter, known: int):
        super().__init__()
        self.old, self.new, self.known = old, new, known

    def forward(self, hidden: Float[Tensor, "*n dim"]) -> Float[Tensor, "*n vocab"]:
        return torch.cat([self.old(hidden)[..., : self.known], hidden @ self.new.to(hidden.dtype).T], dim=-1)


def grow_vocabulary(lm: PreTrainedModel, known: int, added: int) -> list[nn.Parameter]:
    """Give `lm` rows for `added` tokens behind its first `known` ones; returns the new rows, which may be trained.

    One matrix where input and output share theirs, else two. A new row starts as the mean of the old ones, where
    the model's outputs change least; rows that an LM keeps in reserve behind the known ones are left out.
    """
    embedding, head = lm.get_input_embeddings(), lm.get_output_embeddings()
    rows = [_mean_rows(embedding.weight[:known], added)]
    if head.weight is not embedding.weight:
        rows.append(_mean_rows(head.weight[:known], added))
    lm.set_input_embeddings(GrownEmbedding(embedding, rows[0], known))
    lm.set_output_embeddings(GrownHead(head, rows[-1], known))
    lm.config.vocab_size = known + added
    return rows


def _mean_rows(old: Float[Tensor, "known dim"], added: int) -> nn.Parameter:
    return nn.Parameter(old.detach().float().mean(dim=0).repeat(added, 1))
