"""A tower trained beforehand, on other drawings than the 48 things: it knows a drawing again in any view.

A stand-in for the pretrained towers that came after Frozen. Source of the task: Dosovitskiy et al. 2014,
"Exemplar" training (arXiv 1406.6909). Chapter: 21_frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlm_lib.data import openmoji
from vlm_lib.data.things import things
from vlm_lib.data.views import views
from vlm_lib.models.frozen import FEATURES, small_trunk
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.store import Card, load_or_train, recipe_path


@dataclass(frozen=True)
class TrunkRecipe:
    """All that decides the tower: it tells `drawings` drawings apart, by `each` views of every one."""

    seed: int = 0
    drawings: int = 384
    each: int = 12
    steps: int = 500
    batch: int = 48
    lr: float = 3e-3
    version: int = 1


def things_trunk(recipe: TrunkRecipe | None = None) -> tuple[nn.Sequential, Card]:
    """The tower, from the cache, or trained now, in some ten seconds, and kept; frozen, in evaluation mode."""
    recipe = recipe or TrunkRecipe()
    model = _with_head(recipe)
    card = load_or_train(
        model,
        recipe_path("things-trunk", recipe, f"{[thing.row for thing in things()]}"),
        recipe,
        train=lambda checkpoint: _train(model, recipe, checkpoint),
        measure=lambda: {},
    )
    return model[0], card


@random_state_kept()
def _with_head(recipe: TrunkRecipe) -> nn.Sequential:
    seed_everything(recipe.seed)
    return nn.Sequential(small_trunk(), nn.Linear(FEATURES, recipe.drawings))


def _train(model: nn.Sequential, recipe: TrunkRecipe, checkpoint: Path) -> History:
    images, shown = openmoji.load().images, {thing.row for thing in things()}
    others = [row for row in stream(recipe.seed, "trunk").permutation(len(images)) if row not in shown]
    pictures = views(images[others[: recipe.drawings]], recipe.each, recipe.seed)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rng = stream(recipe.seed, f"trunk {step}")
        rows = torch.from_numpy(rng.integers(recipe.drawings, size=recipe.batch))
        return pictures[rows, torch.from_numpy(rng.integers(recipe.each, size=recipe.batch))], rows

    return fit(
        model.train(),
        batch,
        lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=0.1,
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress="training the tower that knows drawings again, once",
    )
