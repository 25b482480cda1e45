"""Cross-attention from text to images, and Flamingo's gated block around it. Chapter: 34_flamingo."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.attention.last_image import last_image_attention, masked_attention
from vlm_lib.attention.masks import all_previous_images_mask
from vlm_lib.checks import require_finite, require_shape

KeyValue = tuple[Float[Tensor, "batch heads images tokens dim"], Float[Tensor, "batch heads images tokens dim"]]


class MaskedCrossAttention(nn.Module):
    """Text attends to images, each position to those that `attend` allows: its "last" one or "all_previous".

    x [batch seq dim], media [batch images tokens media_dim], phi [batch seq] -> [batch seq dim], without
    residual. The query is layer-normalised; media come normalised from the resampler. No biases.
    Raises `ValueError` for an unknown `attend`, wrong shapes, values that are not finite, or a phi that decreases
    or exceeds the number of images. Source: Flamingo, sections 2.2 and 2.3 (arXiv 2204.14198v2).
    Chapter: 34_flamingo.
    """

    def __init__(
        self,
        dim: int,
        media_dim: int,
        heads: int = 8,
        head_dim: int = 64,
        *,
        attend: Literal["last", "all_previous"] = "last",
    ):
        super().__init__()
        if attend not in ("last", "all_previous"):
            raise ValueError(f"attend is {attend!r}, expected 'last' or 'all_previous'")
        self.heads, self.media_dim, self.attend = heads, media_dim, attend
        inner = heads * head_dim
        self.norm = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_kv = nn.Linear(media_dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, dim, bias=False)

    def key_value(self, media: Float[Tensor, "batch images tokens media_dim"]) -> KeyValue:
        """Project the images once; the result serves every later token of a generated text.

        Returns keys and values, [batch heads images tokens head_dim] each. Raises `ValueError` for another shape
        or media that are not finite.
        """
        require_shape("media", media, batch=None, images=None, tokens=None, media_dim=self.media_dim)
        require_finite("media", media)
        # split before heads are told apart: backward then joins the two gradients with one copy, not two
        joined = self.to_kv(media).chunk(2, dim=-1)
        k, v = (t.unflatten(-1, (self.heads, -1)).permute(0, 3, 1, 2, 4) for t in joined)
        return k, v

    def attend_to(
        self, x: Float[Tensor, "batch seq dim"], key_value: KeyValue, phi: Int[Tensor, "batch seq"]
    ) -> Float[Tensor, "batch seq dim"]:
        """The attention with images already projected by `key_value`."""
        require_shape("x", x, batch=key_value[0].shape[0], seq=None, dim=self.to_q.in_features)
        require_shape("phi", phi, batch=x.shape[0], seq=x.shape[1])
        require_finite("x", x)
        q = self.to_q(self.norm(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = key_value
        if self.attend == "last":
            out = last_image_attention(q, k, v, phi)
        else:
            out = masked_attention(q, k, v, all_previous_images_mask(phi, k.shape[2], k.shape[3]))
        return self.to_out(out.transpose(1, 2).flatten(2))

    def forward(
        self,
        x: Float[Tensor, "batch seq dim"],
        media: Float[Tensor, "batch images tokens media_dim"],
        phi: Int[Tensor, "batch seq"],
    ) -> Float[Tensor, "batch seq dim"]:
        return self.attend_to(x, self.key_value(media), phi)


def feed_forward(dim: int, mult: int = 4) -> nn.Sequential:
    """LayerNorm, widen, GELU, narrow; no biases in the linear maps. (The paper squares a ReLU; the public
    implementations, and so the weights one can load, use GELU.) [... dim] -> [... dim]."""
    return nn.Sequential(
        nn.LayerNorm(dim),
        nn.Linear(dim, mult * dim, bias=False),
        nn.GELU(),
        nn.Linear(mult * dim, dim, bias=False),
    )


class GatedCrossAttentionBlock(nn.Module):
    """y = x + tanh(a) XAttn(x, media); y + tanh(b) FFW(y). Both gates start at 0: the block starts as identity.

    Shapes and errors as `MaskedCrossAttention`. `gated=False` drops both tanh factors (table 3, row (iii)).
    Source: Flamingo, section 2.2 and figure 4 (arXiv 2204.14198v2). Chapter: 34_flamingo.
    """

    def __init__(
        self,
        dim: int,
        media_dim: int,
        heads: int = 8,
        head_dim: int = 64,
        ff_mult: int = 4,
        *,
        attend: Literal["last", "all_previous"] = "last",
        gated: bool = True,
    ):
        super().__init__()
        self.attention = MaskedCrossAttention(dim, media_dim, heads, head_dim, attend=attend)
        self.feed_forward = feed_forward(dim, ff_mult)
        self.gated = gated
        if gated:
            self.attention_gate = nn.Parameter(torch.zeros(1))
            self.feed_forward_gate = nn.Parameter(torch.zeros(1))

    def attend_to(
        self,
        x: Float[Tensor, "batch seq dim"],
        key_value: KeyValue,
        phi: Int[Tensor, "batch seq"],
    ) -> Float[Tensor, "batch seq dim"]:
        """The block with images already projected by `attention.key_value`."""
        attended = self.attention.attend_to(x, key_value, phi)
        if not self.gated:
            x = x + attended
            return x + self.feed_forward(x)
        x = x + self.attention_gate.tanh() * attended
        return x + self.feed_forward_gate.tanh() * self.feed_forward(x)

    def forward(
        self,
        x: Float[Tensor, "batch seq dim"],
        media: Float[Tensor, "batch images tokens media_dim"],
        phi: Int[Tensor, "batch seq"],
    ) -> Float[Tensor, "batch seq dim"]:
        return self.attend_to(x, self.attention.key_value(media), phi)
