"""Train a classifier on few labelled images, and count what it gets right. Chapter: 35_coca."""

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from vlm_lib.training.fit import fit
from vlm_lib.training.seeds import step_generator


def fit_classifier(
    model: nn.Module,
    images: Tensor,
    labels: Int[Tensor, " n"],
    *,
    seed: int,
    lr: float,
    steps: int,
    batch: int = 64,
) -> nn.Module:
    """Cross-entropy on random batches, the same for every model that shares the seed. Returns the model."""

    def rows(step: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (batch,), generator=step_generator(seed, step))
        return images[chosen], labels[chosen]

    def loss(model: nn.Module, shown: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(shown[0]), shown[1])

    fit(model.train(), rows, loss, steps=steps, lr=lr, warmup=0.1, seed=seed)
    return model.eval()


@torch.no_grad()
def share_right(model: nn.Module, images: Tensor, labels: Int[Tensor, " n"]) -> float:
    """The share of images whose likeliest class is their own."""
    said = torch.cat([model(part).argmax(dim=-1) for part in images.split(256)])
    return float((said == labels).float().mean())
