"""Captioners of the toy world, trained some five times longer than a chapter can afford in its cells, and kept.

One for each prefix length, treatment of the LM and seed; a transformer mapper, whose size hardly depends on k.
Chapter: 22_clipcap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vlm_lib.models.clipcap import ClipCap, TransformerMapper
from vlm_lib.training import History, fit
from vlm_lib.training.captions import caption_batches
from vlm_lib.training.seeds import random_state_kept, seed_everything
from vlm_lib.zoo.caption_world import Captioned, CaptionWorld, caption_world
from vlm_lib.zoo.store import load_or_train, recipe_path

TRAIN_SEED, TEST_SEED = 2, 4


@dataclass(frozen=True)
class PrefixRecipe:
    """All that decides a captioner besides its world. wrong_pairs: each picture with another picture's caption."""

    seed: int
    length: int
    tune_lm: bool
    wrong_pairs: bool = False
    steps: int = 320
    batch: int = 24
    lr_frozen: float = 8e-3
    lr_tuned: float = 4e-3
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


def prefix_captioner(*, seed: int, length: int, tune_lm: bool, wrong_pairs: bool = False) -> ClipCap:
    """The captioner: from the zoo's cache, or trained now, in some seconds, and kept; frozen, in evaluation mode.

    Raises: ValueError for a length below 1 or a bad seed.
    """
    recipe, world = PrefixRecipe(seed, length, tune_lm, wrong_pairs), caption_world()
    model = _build(recipe, world)
    card = load_or_train(
        model,
        recipe_path("prefix-captioner", recipe, world.card.path.name),
        recipe,
        train=lambda checkpoint: _train(model, recipe, world, checkpoint),
        measure=lambda: {"nats": nats(model, world.captioned(512, TEST_SEED))},
    )
    model.card = card
    return model


@torch.no_grad()
def nats(model: ClipCap, shown: Captioned) -> float:
    """The captions' loss, in nats per token."""
    return model.loss(shown.features, model.targets(shown.captions)).item()


@random_state_kept()
def _build(recipe: PrefixRecipe, world: CaptionWorld) -> ClipCap:
    seed_everything(recipe.seed)
    width = world.lm.config.n_embd
    features = len(world.standardize.mean)
    mapper = TransformerMapper(features, width, recipe.length, image_tokens=4, layers=2, heads=4)
    return ClipCap(mapper, world.lm, world.tokenizer, tune_lm=recipe.tune_lm)


def _train(model: ClipCap, recipe: PrefixRecipe, world: CaptionWorld, checkpoint) -> History:
    shown = world.captioned(4096, TRAIN_SEED)
    features: Tensor = shown.features.roll(int(recipe.wrong_pairs), dims=0)
    return fit(
        model.train(),
        caption_batches(features, model.targets(shown.captions), recipe.batch, recipe.seed),
        lambda model, pair: model.loss(*pair),
        steps=recipe.steps,
        lr=recipe.lr_tuned if recipe.tune_lm else recipe.lr_frozen,
        warmup=0.1,
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress=f"training a captioner with a prefix of {recipe.length}, once",
    )
