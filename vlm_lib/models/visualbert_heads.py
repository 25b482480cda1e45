"""The two heads on which VisualBERT is pretrained, and their loss: masked words, and whether two captions match.

Source: Li et al. 2019 (arXiv 1908.03557), section 3.3. Chapter: 11_visualbert.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.checks import require_shape
from vlm_lib.losses import caption_loss
from vlm_lib.models.visualbert import VisualBert


class VisualBertForPretraining(nn.Module):
    """A `VisualBert` with BERT's two heads. Calls take the arguments of the body.

    Returns word logits [batch seq+regions vocab] and match logits [batch 2]. The word head's last matrix is the
    word embedding itself. Chapter: 11_visualbert.
    """

    def __init__(self, body: VisualBert):
        super().__init__()
        self.body = body
        vocab_size, dim = body.embeddings.word.weight.shape
        self.transform = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.LayerNorm(dim, eps=1e-12))
        self.word_bias = nn.Parameter(torch.zeros(vocab_size))
        self.pooler = nn.Sequential(nn.Linear(dim, dim), nn.Tanh())
        self.match = nn.Linear(dim, 2)

    def forward(
        self, *inputs, **options
    ) -> tuple[Float[Tensor, "batch positions vocab"], Float[Tensor, "batch 2"]]:
        hidden = self.body(*inputs, **options)
        words = F.linear(self.transform(hidden), self.body.embeddings.word.weight, self.word_bias)
        return words, self.match(self.pooler(hidden[:, 0]))


def pretraining_loss(
    word_logits: Float[Tensor, "batch positions vocab"],
    word_labels: Int[Tensor, "batch seq"],
    match_logits: Float[Tensor, "batch 2"] | None = None,
    match_labels: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the masked words, plus that of the match where labels for it are given, in nats.

    `word_labels` are as long as the text, and -100 wherever nothing is to be predicted; regions have no label.
    Raises `ValueError` for labels longer than the sequence, or where no word counts.
    """
    seq = word_labels.shape[1]
    if seq > word_logits.shape[1]:
        raise ValueError(f"word_labels has {seq} positions, expected at most {word_logits.shape[1]}")
    loss = caption_loss(word_logits[:, :seq], word_labels)
    if match_labels is None:
        return loss
    require_shape("match_labels", match_labels, batch=word_labels.shape[0])
    return loss + F.cross_entropy(match_logits, match_labels)
