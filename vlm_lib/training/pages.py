"""Interleaved documents with the features of their images, and the loss of a model that reads both.

A frozen tower sees each picture once; training then moves features about, never pixels. Chapter: 34_flamingo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from vlm_lib.data.documents import Documents
from vlm_lib.losses import caption_loss
from vlm_lib.training.seeds import step_generator, stream


@dataclass(frozen=True)
class Pages:
    """Documents and, for each of their pictures, what a frozen tower made of it. Indexed like `Documents`."""

    documents: Documents
    features: Float[Tensor, "n images tokens dim"]

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, index: slice | np.ndarray | list[int]) -> Pages:
        return Pages(self.documents[index], self.features[index])

    def blind(self) -> Pages:
        """The same texts beside nothing: all features are 0. What can be guessed from text alone."""
        return replace(self, features=torch.zeros_like(self.features))

    def with_images_of_others(self, seed: int) -> Pages:
        """The same texts, each beside the images of another document: a rotation by a random number of rows."""
        shift = int(stream(seed, "images of others").integers(1, len(self)))
        return replace(self, features=self.features.roll(shift, dims=0))

    def with_image_exchanged(self, number: int) -> Pages:
        """The same texts, where image `number` (from 1) alone comes from the document before."""
        features = self.features.clone()
        features[:, number - 1] = self.features[:, number - 1].roll(1, dims=0)
        return replace(self, features=features)

    def batches(self, size: int, seed: int) -> Callable[[int], Pages]:
        """step -> `size` pages drawn at random; equal seeds give equal batches, whatever model reads them."""

        def batch(step: int) -> Pages:
            return self[torch.randint(len(self), (size,), generator=step_generator(seed, step)).numpy()]

        return batch


@torch.no_grad()
def read(
    documents: Documents, encode: Callable[[UInt8[Tensor, "n 3 h w"]], Float[Tensor, "n tokens dim"]]
) -> Pages:
    """Show every picture to a frozen tower, `encode`, once."""
    return Pages(documents, encode(documents.images.flatten(0, 1)).unflatten(0, documents.images.shape[:2]))


def text_loss(logits: Float[Tensor, "n seq vocab"], documents: Documents) -> Float[Tensor, ""]:
    """Nats per token of text: the tag, the padding and the start are neither predicted nor counted."""
    targets = documents.input_ids.masked_fill(~documents.loss_mask, -100).to(logits.device)
    return caption_loss(logits[:, :-1], targets[:, 1:])


def page_loss(model: nn.Module, pages: Pages) -> Float[Tensor, ""]:
    """`text_loss` of model(input_ids, features), as `training.fit` wants it."""
    return text_loss(model(pages.documents.input_ids, pages.features), pages.documents)
