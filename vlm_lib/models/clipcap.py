"""ClipCap: one image vector becomes k vectors that stand before a caption; the LM behind them is frozen or tuned.

Source: Mokady, Hertz and Bermano 2021, section 3 (arXiv 2111.09734), and the authors' released code. Chapter:
22_clipcap.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from vlm_lib.checks import check_at_least, require_shape
from vlm_lib.models.prefix import PrefixCaptioner


class Mapper(nn.Module):
    """What every mapper is: image features [n feature_dim] in, `length` vectors of the LM's `width` out."""

    def __init__(self, feature_dim: int, width: int, length: int):
        super().__init__()
        self.feature_dim, self.width = check_at_least("feature_dim", feature_dim, 1), width
        self.length = check_at_least("length", length, 1)

    def forward(self, features: Float[Tensor, "n feature_dim"]) -> Float[Tensor, "n length width"]:
        """Raises: ValueError for another shape, or no image."""
        require_shape("features", features, n=None, feature_dim=self.feature_dim)
        return self.prefix(features)


class LinearMapper(Mapper):
    """One matrix with a bias: the weakest mapper there is. Not in the paper; a control."""

    def __init__(self, feature_dim: int, width: int, length: int):
        super().__init__(feature_dim, width, length)
        self.linear = nn.Linear(feature_dim, length * width)

    def prefix(self, features: Tensor) -> Tensor:
        return self.linear(features).unflatten(1, (self.length, self.width))


class MLPMapper(Mapper):
    """As released: to half of k vectors' numbers, tanh, to k vectors. Its size grows with the square of k."""

    def __init__(self, feature_dim: int, width: int, length: int):
        super().__init__(feature_dim, width, length)
        hidden = length * width // 2
        self.mlp = nn.Sequential(
            nn.Linear(feature_dim, hidden),
            nn.Tanh(),
            nn.Linear(hidden, length * width),
        )

    def prefix(self, features: Tensor) -> Tensor:
        return self.mlp(features).unflatten(1, (self.length, self.width))


class MapperLayer(nn.Module):
    """Self-attention without a mask and a ReLU layer, each behind a layer norm; q, k and v without bias."""

    def __init__(self, width: int, heads: int, mlp_ratio: float = 2.0):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_queries = nn.Linear(width, width, bias=False)
        self.to_keys_values = nn.Linear(width, 2 * width, bias=False)
        self.project = nn.Linear(width, width)
        self.fc1 = nn.Linear(width, int(mlp_ratio * width))
        self.fc2 = nn.Linear(int(mlp_ratio * width), width)

    def forward(
        self,
        x: Float[Tensor, "n tokens width"],
    ) -> Float[Tensor, "n tokens width"]:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(self.fc1(self.norm2(x)).relu())

    def attention(
        self,
        x: Float[Tensor, "n tokens width"],
    ) -> Float[Tensor, "n tokens width"]:
        q, (k, v) = self.to_queries(x), self.to_keys_values(x).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.project(mixed.transpose(1, 2).flatten(2))


class TransformerMapper(Mapper):
    """As released: the image as `image_tokens` vectors beside k learned constants, which become the prefix.

    Constants start as N(0, 1). No positions, no mask, no final norm. One more vector of the prefix costs `width`
    numbers, so that the mapper's size hardly depends on k. image_tokens: by default `length`.
    """

    def __init__(
        self,
        feature_dim: int,
        width: int,
        length: int,
        *,
        image_tokens: int | None = None,
        layers: int = 8,
        heads: int = 8,
    ):
        super().__init__(feature_dim, width, length)
        if width % heads:
            raise ValueError(f"heads: got {heads}, expected a divisor of the width {width}")
        self.image_tokens = check_at_least("image_tokens", image_tokens or length, 1)
        self.linear = nn.Linear(feature_dim, self.image_tokens * width)
        self.constants = nn.Parameter(torch.randn(length, width))
        self.layers = nn.ModuleList(MapperLayer(width, heads) for _ in range(layers))

    def prefix(self, features: Tensor) -> Tensor:
        image = self.linear(features).unflatten(1, (self.image_tokens, self.width))
        x = torch.cat([image, self.constants.expand(len(features), -1, -1)], dim=1)
        for layer in self.layers:
            x = layer(x)
        return x[:, self.image_tokens :]


MAPPERS = {"linear": LinearMapper, "mlp": MLPMapper, "transformer": TransformerMapper}


class ClipCap(PrefixCaptioner):
    """A mapper before an LM: `PrefixCaptioner`, whose LM may be tuned too. Every method takes image features.

    tune_lm: train a copy of the LM as well; the one that was given stays as it is.
    """

    def __init__(
        self, mapper: Mapper, lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, tune_lm: bool = False
    ):
        super().__init__(nn.Identity(), mapper, copy.deepcopy(lm) if tune_lm else lm, tokenizer)
        self.lm.requires_grad_(tune_lm)
