"""VQ-VAE: an image becomes a grid of whole numbers, each the number of a vector in a codebook.

Source: van den Oord, Vinyals, Kavukcuoglu 2017 (arXiv 1711.00937v2), section 3. Chapter: 13_cm3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.checks import check_at_least, require_shape


def nearest(vectors: Float[Tensor, "*batch dim"], codebook: Float[Tensor, "codes dim"]) -> Int[Tensor, "*batch"]:
    """The number of the codebook's vector that lies nearest to each vector: the code (section 3.1, equation 1).

    |z - e|^2 = |z|^2 - 2 z.e + |e|^2, and |z|^2 is the same for every e.
    """
    return (codebook.square().sum(dim=1) - 2 * vectors @ codebook.T).argmin(dim=-1)


def straight_through(
    vectors: Float[Tensor, "*shape"], quantised: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Forward the quantised vectors, backward as if nothing had been rounded (3.2)."""
    return vectors + (quantised - vectors).detach()


class VectorQuantizer(nn.Module):
    """Replace each vector by the nearest of `codes` learned ones."""

    def __init__(self, codes: int, dim: int, *, commitment: float = 0.25):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(check_at_least("codes", codes, 2), dim) / math.sqrt(dim))
        self.commitment = commitment

    def forward(
        self, vectors: Float[Tensor, "*batch dim"]
    ) -> tuple[Float[Tensor, "*batch dim"], Int[Tensor, "*batch"], Float[Tensor, ""]]:
        """The quantised vectors, their codes, and the loss.

        |sg(z) - e|^2 draws the codebook to the encoder; commitment * |z - sg(e)|^2 the
        encoder to the codebook (section 3.2, the last two terms of equation 3).
        """
        codes = nearest(vectors, self.codebook)
        chosen = self.codebook[codes]
        to_codebook = F.mse_loss(chosen, vectors.detach())
        to_encoder = F.mse_loss(vectors, chosen.detach())
        loss = to_codebook + self.commitment * to_encoder
        return straight_through(vectors, chosen), codes, loss

    @torch.no_grad()
    def start_from(self, vectors: Float[Tensor, "n dim"], *, rounds: int = 10) -> None:
        """Put the codebook where the vectors are, by k-means: codes that start far from all data are never chosen.

        Draws from the global generator. Raises ValueError for fewer vectors than codes.
        """
        codes = len(self.codebook)
        if len(vectors) < codes:
            raise ValueError(f"vectors: got {len(vectors)} for {codes} codes, expected at least as many")
        centres = vectors[torch.randperm(len(vectors))[:codes]].clone()
        for _ in range(rounds):
            owner = nearest(vectors, centres)
            count = torch.bincount(owner, minlength=codes)
            sums = torch.zeros_like(centres).index_add_(0, owner, vectors)
            lost = vectors[torch.randint(len(vectors), (codes,))]  # a centre without vectors starts anew
            centres = torch.where(count[:, None] > 0, sums / count[:, None].clamp(min=1), lost)
        self.codebook.copy_(centres)


class VQVAE(nn.Module):
    """`tokens` codes for an image: a convolutional encoder to a square grid, the quantiser, a decoder back.

    Encoder and decoder are the least that works on small pictures: patches, one residual convolution over the grid
    of patches, a projection. Raises ValueError unless `tokens` is a square whose side divides `image_size`.
    """

    def __init__(
        self,
        tokens: int,
        codes: int,
        *,
        image_size: int = 32,
        width: int = 48,
        code_dim: int = 16,
        commitment: float = 0.25,
    ):
        super().__init__()
        self.side = math.isqrt(check_at_least("tokens", tokens, 1))
        if self.side**2 != tokens or image_size % self.side:
            raise ValueError(f"tokens: got {tokens}, expected a square whose side divides {image_size}")
        patch = image_size // self.side
        self.image_size = image_size
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, patch, patch), Residual(width), nn.Conv2d(width, code_dim, 1)
        )
        self.quantizer = VectorQuantizer(codes, code_dim, commitment=commitment)
        self.decoder = nn.Sequential(
            nn.Conv2d(code_dim, width, 1), Residual(width), nn.ConvTranspose2d(width, 3, patch, patch)
        )

    def to_vectors(self, images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch tokens dim"]:
        """One vector per place of the grid, row by row, not quantised yet."""
        require_shape("images", images, batch=None, channels=3, height=self.image_size, width=self.image_size)
        return self.encoder(images).flatten(2).transpose(1, 2)

    def to_images(self, vectors: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch 3 size size"]:
        """The decoder: the picture that a grid of vectors stands for."""
        return self.decoder(vectors.transpose(1, 2).unflatten(2, (self.side, self.side)))

    def encode(self, images: Float[Tensor, "batch 3 size size"]) -> Int[Tensor, "batch tokens"]:
        """The codes of each image."""
        return nearest(self.to_vectors(images), self.quantizer.codebook)

    def decode(self, codes: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch 3 size size"]:
        """The picture that each row of codes stands for."""
        return self.to_images(self.quantizer.codebook[codes])

    def forward(
        self, images: Float[Tensor, "batch 3 size size"]
    ) -> tuple[
        Float[Tensor, "batch 3 size size"],
        Int[Tensor, "batch tokens"],
        Float[Tensor, ""],
    ]:
        """The reconstruction, the codes it was made from, and the quantiser's loss."""
        quantised, codes, loss = self.quantizer(self.to_vectors(images))
        return self.to_images(quantised), codes, loss


class Residual(nn.Module):
    """x + what a convolution over the neighbouring places adds."""

    def __init__(self, width: int):
        super().__init__()
        self.add = nn.Sequential(
            nn.GELU(), nn.Conv2d(width, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: Float[Tensor, "batch width side side"]) -> Float[Tensor, "batch width side side"]:
        return x + self.add(x)
