"""Flamingo's Perceiver Resampler: any number of visual features in, a fixed small number of tokens out.

Chapter: 34_flamingo.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.attention.cross import feed_forward
from vlm_lib.checks import check_at_least, require_finite, require_shape


class ResamplerAttention(nn.Module):
    """Latents read the features and one another in one attention: its keys are features and latents, joined.

    The paper's authors found the joined keys to perform slightly better than features alone (section 3.1.1 of
    version 1). `weights` gives the attention itself, for those who want to look at it.
    """

    def __init__(self, dim: int, heads: int, head_dim: int):
        super().__init__()
        self.heads = heads
        inner = heads * head_dim
        self.norm_features = nn.LayerNorm(dim)
        self.norm_latents = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_kv = nn.Linear(dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, dim, bias=False)

    def forward(
        self,
        features: Float[Tensor, "n tokens dim"],
        latents: Float[Tensor, "n latents dim"],
    ) -> Float[Tensor, "n latents dim"]:
        q, k, v = self._project(features, latents)
        read = F.scaled_dot_product_attention(q, k, v)
        return self.to_out(read.transpose(1, 2).flatten(2))

    def weights(
        self, features: Float[Tensor, "n tokens dim"], latents: Float[Tensor, "n latents dim"]
    ) -> Float[Tensor, "n heads latents tokens+latents"]:
        """How each latent shares its attention; a row sums to 1."""
        q, k, _ = self._project(features, latents)
        return (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(dim=-1)

    def _project(self, features, latents):
        features, latents = self.norm_features(features), self.norm_latents(latents)
        q = self.to_q(latents).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys = torch.cat([features, latents], dim=1)
        joined = self.to_kv(keys).unflatten(-1, (2, self.heads, -1))
        k, v = joined.permute(2, 0, 3, 1, 4)
        return q, k, v


class PerceiverResampler(nn.Module):
    """[batch images frames*tokens dim] -> [batch images latents dim], whatever the number of features.

    `max_frames`: learn one embedding a video frame (none by default); `forward(..., frames=n)` with more frames
    than were learned interpolates the embeddings linearly, as the paper does from 8 to 30 frames.
    Cost per image: latents x (features + latents) scores a layer, so linear in the number of features.
    Raises `ValueError` for wrong shapes, features that are not finite, or a number of frames that does not
    divide the features. Source: Flamingo, section 2.1 and appendix A.1.1 (arXiv 2204.14198v2).
    Chapter: 34_flamingo.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 2,
        heads: int = 8,
        head_dim: int = 64,
        num_latents: int = 64,
        *,
        ff_mult: int = 4,
        max_frames: int | None = None,
    ):
        super().__init__()
        check_at_least("depth", depth, 1)
        check_at_least("num_latents", num_latents, 1)
        if max_frames is not None:
            check_at_least("max_frames", max_frames, 1)
        self.dim = dim
        self.latents = nn.Parameter(torch.randn(num_latents, dim))
        self.frame_embedding = nn.Parameter(torch.randn(max_frames, dim)) if max_frames is not None else None
        self.layers = nn.ModuleList(
            nn.ModuleList([ResamplerAttention(dim, heads, head_dim), feed_forward(dim, ff_mult)])
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, features: Float[Tensor, "batch images frames*tokens dim"], *, frames: int = 1
    ) -> Float[Tensor, "batch images latents dim"]:
        require_shape("features", features, batch=None, images=None, tokens=None, dim=self.dim)
        require_finite("features", features)
        batch, images, tokens, _ = features.shape
        check_at_least("frames", frames, 1)
        if tokens % frames:
            raise ValueError(f"frames is {frames}, expected a divisor of the {tokens} features an image has")
        if self.frame_embedding is not None:
            features = features + self._frame_embedding(frames).repeat_interleave(tokens // frames, dim=0)
        features = features.flatten(0, 1)
        latents = self.latents.expand(batch * images, -1, -1)
        for attention, widen_and_narrow in self.layers:
            latents = latents + attention(features, latents)
            latents = latents + widen_and_narrow(latents)
        return self.norm(latents).unflatten(0, (batch, images))

    def _frame_embedding(self, frames: int) -> Float[Tensor, "frames dim"]:
        if frames <= len(self.frame_embedding):
            return self.frame_embedding[:frames]
        table = self.frame_embedding.T[None]
        return F.interpolate(table, size=frames, mode="linear", align_corners=True)[0].T
