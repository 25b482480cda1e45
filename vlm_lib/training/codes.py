"""Training of a VQ-VAE: first without rounding, then a codebook where the vectors are, then with rounding.

Started with a random codebook, most codes are never the nearest to anything and never learn. Chapter: 13_cm3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vlm_lib.models.vq import VQVAE
from vlm_lib.training.fit import fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, step_generator

STARTING_IMAGES, STARTING_VECTORS = 512, 4096  # as much as k-means sees


def fit_vqvae(
    model: VQVAE,
    images: Float[Tensor, "n 3 size size"],
    *,
    seed: int,
    steps: int,
    lr: float,
    batch: int = 16,
    without_rounding: float = 0.4,
    kmeans: bool = True,
) -> VQVAE:
    """Train `model`, in place, on squared error and the quantiser's own loss; it is left in evaluation mode.

    without_rounding: the share of `steps` in which the decoder is given the vectors themselves.
    kmeans: start the codebook from the vectors; False leaves it where it was drawn.
    """

    def images_of(step: int) -> Tensor:
        return images[torch.randint(len(images), (batch,), generator=step_generator(seed, step))]

    def plain(model: VQVAE, shown: Tensor) -> Tensor:
        return F.mse_loss(model.to_images(model.to_vectors(shown)), shown)

    def rounded(model: VQVAE, shown: Tensor) -> Tensor:
        reconstruction, _, loss = model(shown)
        return F.mse_loss(reconstruction, shown) + loss

    first = round(without_rounding * steps)
    settings = {"lr": lr, "warmup": 0.1, "weight_decay": 0.0, "seed": seed}
    model.quantizer.requires_grad_(False)
    fit(model, images_of, plain, steps=first, schedule="constant", **settings)
    model.quantizer.requires_grad_(True)
    if kmeans:
        with torch.no_grad(), random_state_kept():
            seed_everything(seed)
            vectors = model.to_vectors(images[:STARTING_IMAGES]).flatten(0, 1)
            model.quantizer.start_from(vectors[torch.randperm(len(vectors))[:STARTING_VECTORS]])
    fit(model, lambda step: images_of(first + step), rounded, steps=steps - first, **settings)
    return model.eval()
