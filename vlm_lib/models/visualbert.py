"""VisualBERT: BERT whose sequence holds words and image regions; self-attention finds what belongs together.

The two heads of its pretraining are in `visualbert_heads`. Source: Li et al. 2019 (arXiv 1908.03557), section 3.
Chapter: 11_visualbert.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vlm_lib.checks import check_one_of, require_finite, require_shape
from vlm_lib.data.regions import Regions

PARTS = ("f_o", "f_s", "f_p")
RegionPart = Float[Tensor, "batch regions dim"]


class VisualBertEmbeddings(nn.Module):
    """A word is e_t + e_s + e_p, a region is f_o + f_s + f_p; one layer norm over both.

    `align` says how the positions of a region's words become its f_p: by their "sum" (the paper's text) or their
    "mean" (the authors' code, and transformers). The paper has no other f_p; the code adds a row of a table of its
    own, row 0 for every region. `places` is the number of rows, for those who want to say more in it.
    Source: section 3.2 (arXiv 1908.03557); visualbert/pytorch_pretrained_bert/modeling.py (uclanlp/visualbert).
    """

    def __init__(
        self,
        vocab_size: int,
        region_dim: int,
        dim: int,
        max_text: int,
        *,
        places: int = 1,
        align: Literal["mean", "sum"] = "mean",
        dropout: float = 0.0,
        init_std: float = 0.02,
    ):
        super().__init__()
        check_one_of("align", align, ("mean", "sum"))
        self.align = align
        self.word = nn.Embedding(vocab_size, dim)
        self.segment = nn.Embedding(2, dim)
        self.position = nn.Embedding(max_text, dim)
        self.region = nn.Linear(region_dim, dim)
        self.region_segment = nn.Parameter(torch.empty(dim))
        self.region_position = nn.Embedding(places, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        for table in (self.word, self.segment, self.position, self.region_position):
            nn.init.normal_(table.weight, std=init_std)
        nn.init.normal_(self.region_segment, std=init_std)

    def of_words(
        self, input_ids: Int[Tensor, "batch seq"], segments: Int[Tensor, "batch seq"] | None = None
    ) -> Float[Tensor, "batch seq dim"]:
        """e_t + e_s + e_p, before the norm. Segment 0 if not given; 1 is the second of two captions."""
        require_shape("input_ids", input_ids, batch=None, seq=None)
        if input_ids.shape[1] > self.position.num_embeddings:
            raise ValueError(
                f"input_ids has {input_ids.shape[1]} positions, expected at most {self.position.num_embeddings}"
            )
        segments = torch.zeros_like(input_ids) if segments is None else segments
        return self.word(input_ids) + self.segment(segments) + self.position.weight[: input_ids.shape[1]]

    def of_regions(self, regions: Regions) -> dict[str, RegionPart]:
        """f_o, f_s and f_p, by name, before they are added."""
        features, places = self._checked(regions)
        f_o = self.region(features)
        f_s = self.region_segment.expand_as(f_o)
        f_p = self.region_position(places)
        if regions.words is not None:
            f_p = f_p + self._of_aligned(regions.words)
        return {"f_o": f_o, "f_s": f_s, "f_p": f_p}

    def _checked(self, regions: Regions) -> tuple[Tensor, Int[Tensor, "batch regions"]]:
        """The features, and the rows of the table of places: row 0 for all where no other is given."""
        features = regions.features
        require_shape("features", features, batch=None, regions=None, region_dim=self.region.in_features)
        require_finite("features", features)
        places = torch.zeros_like(features[..., 0], dtype=torch.long) if regions.places is None else regions.places
        require_shape("places", places, batch=features.shape[0], regions=features.shape[1])
        return features, places

    def _of_aligned(self, words: Int[Tensor, "batch regions words"]) -> Float[Tensor, "batch regions dim"]:
        """The sum or mean of the position embeddings of each region's words; 0 for a region without any."""
        there = (words >= 0)[..., None]
        total = (self.position(words.clamp(min=0)) * there).sum(dim=2)
        return total if self.align == "sum" else total / there.sum(dim=2).clamp(min=1)

    def forward(
        self,
        input_ids: Int[Tensor, "batch seq"],
        regions: Regions | None = None,
        *,
        segments: Int[Tensor, "batch seq"] | None = None,
        parts: Sequence[str] = PARTS,
    ) -> Float[Tensor, "batch positions dim"]:
        """Words, then regions. Of a region's `parts` the named ones are added up."""
        x = self.of_words(input_ids, segments)
        if regions is not None:
            found = self.of_regions(regions)
            if unknown := set(parts) - set(found):
                raise ValueError(f"parts holds {unknown}, expected some of {PARTS}")
            nothing = torch.zeros_like(found["f_o"])
            x = torch.cat([x, sum((found[name] for name in parts), nothing)], dim=1)
        return self.dropout(self.norm(x))


class VisualBert(nn.Module):
    """The encoder: [batch seq] words and their regions -> [batch seq+regions dim].

    fusion: "early" is the paper's model: words and regions meet in every layer. "late" lets them meet in the last
    layer only; the ones before it see words alone (the ablation of section 5; same parameters).
    init_std: how far the tables of embeddings scatter at the start. The defaults are those of BERT-base.
    Raises `ValueError` for shapes that do not fit, features that are not finite, or too long a text.
    Source: section 3 (arXiv 1908.03557). Chapter: 11_visualbert.
    """

    def __init__(
        self,
        vocab_size: int,
        region_dim: int,
        dim: int = 768,
        *,
        layers: int = 12,
        heads: int = 12,
        ff_mult: int = 4,
        max_text: int = 512,
        places: int = 1,
        align: Literal["mean", "sum"] = "mean",
        fusion: Literal["early", "late"] = "early",
        dropout: float = 0.0,
        init_std: float = 0.02,
    ):
        super().__init__()
        check_one_of("fusion", fusion, ("early", "late"))
        self.fusion = fusion
        how = {"places": places, "align": align, "dropout": dropout, "init_std": init_std}
        self.embeddings = VisualBertEmbeddings(vocab_size, region_dim, dim, max_text, **how)
        # BERT's layer is PyTorch's: attention, then feed-forward, each followed by a residual and a layer norm
        sizes = {"d_model": dim, "nhead": heads, "dim_feedforward": ff_mult * dim, "layer_norm_eps": 1e-12}
        kind = {"activation": "gelu", "norm_first": False, "batch_first": True, "dropout": dropout}
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(**sizes, **kind) for _ in range(layers))

    def forward(
        self,
        input_ids: Int[Tensor, "batch seq"],
        regions: Regions | None = None,
        *,
        segments: Int[Tensor, "batch seq"] | None = None,
        text_mask: Bool[Tensor, "batch seq"] | None = None,
        parts: Sequence[str] = PARTS,
    ) -> Float[Tensor, "batch positions dim"]:
        """The last layer's output. `text_mask` is `True` where there is a word; everywhere if not given."""
        *_, last = self.states(input_ids, regions, segments=segments, text_mask=text_mask, parts=parts)
        return last

    def states(
        self,
        input_ids: Int[Tensor, "batch seq"],
        regions: Regions | None = None,
        *,
        segments: Int[Tensor, "batch seq"] | None = None,
        text_mask: Bool[Tensor, "batch seq"] | None = None,
        parts: Sequence[str] = PARTS,
    ) -> list[Float[Tensor, "batch positions dim"]]:
        """What enters each layer, and what leaves the last."""
        x = self.embeddings(input_ids, regions, segments=segments, parts=parts)
        padded = _padded(input_ids, text_mask, regions)
        seq = input_ids.shape[1]
        waiting = x[:, seq:] if self.fusion == "late" else x[:, :0]
        x = x[:, : x.shape[1] - waiting.shape[1]]
        states = [x]
        for number, layer in enumerate(self.layers, start=1):
            if number == len(self.layers):
                states[-1] = torch.cat([states[-1], waiting], dim=1)
            absent = None if padded is None else padded[:, : states[-1].shape[1]]
            states.append(layer(states[-1], src_key_padding_mask=absent))
        return states


def _padded(
    input_ids: Int[Tensor, "batch seq"], text_mask: Bool[Tensor, "batch seq"] | None, regions: Regions | None
) -> Bool[Tensor, "batch positions"] | None:
    """`True` where a position holds neither word nor region; None where all hold one, which is faster."""
    there = torch.ones_like(input_ids, dtype=torch.bool) if text_mask is None else text_mask
    require_shape("text_mask", there, batch=input_ids.shape[0], seq=input_ids.shape[1])
    if regions is not None:
        seen = regions.features.new_ones(regions.features.shape[:2], dtype=torch.bool)
        if regions.mask is not None:
            require_shape("mask", regions.mask, batch=seen.shape[0], regions=seen.shape[1])
            seen = regions.mask
        there = torch.cat([there, seen], dim=1)
    return None if there.all() else ~there
