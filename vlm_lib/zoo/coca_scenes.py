"""CoCa on the scenes: its world behind a frozen stem, how it is trained there, and what is measured.

A stem of three convolutions, trained to name single objects and then frozen, stands before every encoder: learning
to see from nothing would take most of a laptop's minutes, and is not what CoCa is about. Chapter: 35_coca.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.data import naming, objects, scenes
from vlm_lib.evaluation.object_reader import object_reader
from vlm_lib.evaluation.retrieval import recall_at_k
from vlm_lib.evaluation.zero_shot import classify
from vlm_lib.models.clip import clamp_logit_scale
from vlm_lib.models.coca import CoCa, training_loss
from vlm_lib.models.grid_encoder import GridEncoder, grid
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import seed_everything, step_generator

SIDE, DIM = 4, 64
CHANNELS = 256  # of the stem: 64 channels, 2 x 2 places of its map in each token


@dataclass(frozen=True)
class Part:
    """Scenes as the encoder takes them, `grid`, and their captions, `ids`."""

    scenes: scenes.Scenes
    grid: Float[Tensor, "n 16 256"]

    @cached_property
    def ids(self) -> Int[Tensor, "n 7"]:
        return naming.naming_ids(self.scenes)

    def __len__(self) -> int:
        return len(self.grid)


@dataclass(frozen=True)
class CoCaWorld:
    """train: one or two objects. pairs: two objects, no two captions alike. single, labelled, validation: one.

    labelled: the few pictures that a recogniser learns from; its choices are made on validation.
    """

    train: Part
    pairs: Part
    single: Part
    labelled: Part
    validation: Part


def coca_world(*, train: int = 4096, seed: int = 1000) -> CoCaWorld:
    """The world; `seed` decides the stem. It takes some seconds."""
    stem = object_reader(objects.generate(2048, seed=5), seed=seed).body[:6]
    drawn = {
        "train": scenes.generate(train, seed=0, objects=(1, 2), split="all"),
        "pairs": _distinct(scenes.generate(600, seed=77, objects=2, split="all")),
        "single": scenes.generate(768, seed=78, objects=1, split="all"),
        "labelled": scenes.generate(192, seed=79, objects=1, split="all"),
        "validation": scenes.generate(384, seed=80, objects=1, split="all"),
    }
    with torch.no_grad():
        grids = {
            name: torch.cat([grid(stem(scenes.as_float(images)), SIDE) for images in part.images.split(256)])
            for name, part in drawn.items()
        }
    mean, std = grids["train"].mean(dim=(0, 1)), grids["train"].std(dim=(0, 1)).clamp(min=1e-6)
    return CoCaWorld(**{name: Part(part, (grids[name] - mean) / std) for name, part in drawn.items()})


def _distinct(drawn: scenes.Scenes, most: int = 400) -> scenes.Scenes:
    """The first scenes whose captions are all different: a caption that fits two pictures has no right answer."""
    first = {tuple(row): index for index, row in reversed(list(enumerate(naming.naming_ids(drawn).tolist())))}
    return drawn[sorted(first.values())[:most]]


def small_coca(seed: int, **options) -> CoCa:
    """An untrained CoCa for this world; `options` are those of `CoCa`."""
    seed_everything(seed)
    encoder = GridEncoder(CHANNELS, DIM, tokens=SIDE * SIDE, mlp_ratio=2)
    sizes = {"dim": DIM, "mlp_ratio": 2, "positions": 8} | options
    return CoCa(encoder, DIM, len(naming.VOCABULARY), **sizes)


def train_coca(
    model: CoCa, data: Part, *, seed: int, lr: float, steps: int, contrast: float = 1.0, caption: float = 2.0
) -> History:
    """Train on batches of 64 pairs, the same for every model that shares the seed."""

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(data), (64,), generator=step_generator(seed, step))
        return data.grid[rows], data.ids[rows]

    return fit(
        model,
        batch,
        lambda model, pairs: training_loss(model, pairs, contrast=contrast, caption=caption),
        steps=steps,
        lr=lr,
        warmup=0.1,
        seed=seed,
        after_step=lambda model: clamp_logit_scale(model.log_scale),
    )


@torch.no_grad()
def retrieval(model: CoCa, part: Part) -> float:
    """R@1 in both directions, their mean: which caption belongs to the picture, which picture to the caption."""
    similarity = model.see(part.grid).features @ model.read(part.ids).features.T
    return (recall_at_k(similarity, 1) + recall_at_k(similarity.T, 1)) / 2


@torch.no_grad()
def recognition(model: CoCa, part: Part) -> float:
    """Zero-shot: the share of single objects whose name is nearest among all 48."""
    named = classify(model.see(part.grid).features, model.read(naming.object_ids()).features)
    return float((named == naming.object_numbers(part.scenes)).float().mean())


@torch.no_grad()
def words_right(model: CoCa, part: Part, *, shuffled: bool = False) -> float:
    """Questions about one object: the share of colours and shapes that the captioner gets right.

    Each is asked with the right words before it ("red circle and ..."); no second object shares a colour or a
    shape with the first. shuffled: every picture is exchanged for the next one, so the text alone has to do.
    """
    grid_ = part.grid.roll(1, dims=0) if shuffled else part.grid
    targets = part.ids[:, 1:]
    right = model(grid_, part.ids)[2].argmax(dim=-1) == targets
    return float(right[naming.is_attribute(targets)].float().mean())
