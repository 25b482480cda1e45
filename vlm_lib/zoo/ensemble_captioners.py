"""VC-GPTs of the toy world, trained some eight times longer than a chapter can afford in its cells, and kept.

One whose LM was frozen and one whose LM was trained along. Chapter: 32_vc_gpt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vlm_lib.models.vc_gpt import VCGPT
from vlm_lib.training import History, fit
from vlm_lib.training.captions import caption_batches
from vlm_lib.training.seeds import random_state_kept, seed_everything
from vlm_lib.zoo.caption_world import CaptionWorld, caption_world
from vlm_lib.zoo.store import load_or_train, recipe_path

TRAIN_SEED, TEST_SEED = 2, 4


@dataclass(frozen=True)
class EnsembleRecipe:
    """All that decides a captioner besides its world."""

    seed: int
    tune_lm: bool
    steps: int = 480
    batch: int = 24
    lr: float = 4e-3
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


def ensemble_captioner(*, tune_lm: bool, seed: int = 0) -> VCGPT:
    """The captioner: from the zoo's cache, or trained now, in some seconds, and kept; frozen, in evaluation mode.

    It takes `caption_world().tokens`. Raises: ValueError for a bad seed.
    """
    recipe, world = EnsembleRecipe(seed, tune_lm), caption_world()
    model = _build(recipe, world)
    model.card = load_or_train(
        model,
        recipe_path("ensemble-captioner", recipe, world.card.path.name),
        recipe,
        train=lambda checkpoint: _train(model, recipe, world, checkpoint),
        measure=lambda: {"nats": _nats(model, world)},
    )
    return model


@random_state_kept()
def _build(recipe: EnsembleRecipe, world: CaptionWorld) -> VCGPT:
    seed_everything(recipe.seed)
    image_dim = world.tokens(world.captioned(1, TRAIN_SEED)).shape[-1]
    return VCGPT(world.lm, world.tokenizer, image_dim=image_dim, tune_lm=recipe.tune_lm)


def _train(model: VCGPT, recipe: EnsembleRecipe, world: CaptionWorld, checkpoint) -> History:
    shown = world.captioned(4096, TRAIN_SEED)
    return fit(
        model.train(),
        caption_batches(world.tokens(shown), model.targets(shown.captions), recipe.batch, recipe.seed),
        lambda model, pair: model.loss(*pair),
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=0.1,
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress="training a VC-GPT, once",
    )


@torch.no_grad()
def _nats(model: VCGPT, world: CaptionWorld) -> float:
    shown = world.captioned(512, TEST_SEED)
    return model.loss(world.tokens(shown), model.targets(shown.captions)).item()
