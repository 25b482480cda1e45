"""MERLOT on short films: one model for each arm and seed, trained once and kept, some of them fine-tuned to order
frames.

Chapter: 33_merlot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from vlm_lib.checks import check_one_of
from vlm_lib.data import films as world
from vlm_lib.data.films import Films, films
from vlm_lib.evaluation.film_questions import frame_order
from vlm_lib.models.hybrid_encoder import HybridEncoder
from vlm_lib.models.merlot import Merlot, merlot_losses
from vlm_lib.training import History, fit
from vlm_lib.training.films import FilmBatch, film_batches
from vlm_lib.training.seeds import random_state_kept, seed_everything
from vlm_lib.zoo.store import load_or_train, recipe_path

FILMS, SKEW, TRAIN_SEED, TUNE_SEED, VALIDATION_SEED = 768, 3.0, 1, 5, 3


@dataclass(frozen=True)
class MerlotRecipe:
    """All that decides a model. films, objects: how many of each there are to learn from; stills: single frames.

    tune: updates of fine-tuning on the ordering loss, with films of all kinds, after `steps` of training; no
    steps at all is a model that starts from nothing.
    """

    seed: int
    contrast: bool = True
    words: bool = True
    order: bool = True
    attended: bool = True
    stills: bool = False
    films: int = FILMS
    objects: int | None = None
    hidden_from: int | None = None
    steps: int = 260
    tune: int = 0
    batch: int = 24
    lr: float = 3e-3
    tune_lr: float = 1e-3
    version: int = 2  # raised when the same recipe comes to give other weights: the training's code changed


ARMS: Mapping[str, Mapping[str, object]] = {
    "all three": {},
    "no contrast": {"contrast": False},
    "no words": {"words": False},
    "no order": {"order": False},
    "stills": {"stills": True, "order": False},
    "an eighth of the films": {"films": FILMS // 8},
    "four things only": {"objects": 4},
    "the released constant": {"hidden_from": 64},
    "from nothing": {"steps": 0},
}
TUNED = ("all three", "no contrast", "no words", "no order", "stills", "from nothing")
TUNE_STEPS = 60


def merlot_model(arm: str, seed: int, *, tuned: bool = False) -> Merlot:
    """The model of an arm: from the zoo's cache, or trained now, in about half a minute, and kept; frozen.

    tuned: after fine-tuning on the order of frames. Raises: ValueError for an unknown arm or a bad seed.
    """
    check_one_of("arm", arm, tuple(ARMS))
    recipe = MerlotRecipe(seed, **ARMS[arm], tune=TUNE_STEPS if tuned else 0)
    return trained(recipe)


def trained(recipe: MerlotRecipe) -> Merlot:
    """The model of a recipe, by the same way; its card stands in `.card`, None for one without training."""
    model = small_merlot(recipe.seed)
    if not recipe.steps and not recipe.tune:
        model.card = None
        return model.requires_grad_(False).eval()
    model.card = load_or_train(
        model,
        recipe_path("merlot", recipe, f"{len(world.VOCABULARY)} words"),
        recipe,
        train=lambda checkpoint: _train(model, recipe, checkpoint),
        measure=lambda: {
            "pairs of shuffled frames in order": float(frame_order(model, validation_films()).mean())
        },
    )
    return model


@random_state_kept()
def small_merlot(seed: int) -> Merlot:
    """An untrained MERLOT for films: 16 places a frame, pooled to 4 and a summary."""
    seed_everything(seed)
    encoder = HybridEncoder(64, blocks=(1, 1), width=16, groups=4, layers=1, heads=4, side=4)
    sizes = {"tokens": 5, "segments": world.STEPS, "words": world.WORDS, "layers": 2, "heads": 4}
    return Merlot(
        encoder, len(world.VOCABULARY), 64, special=world.SPECIAL, mask_id=world.WORD_ID[world.MASK], **sizes
    )


def training_films(recipe: MerlotRecipe) -> Films:
    """What a recipe learns from; the first of two opposite scripts comes three times as often."""
    return films(recipe.films, TRAIN_SEED, objects=recipe.objects, skew=SKEW)


def validation_films() -> Films:
    """Balanced films of training's things, that no model has read and no claim is judged by."""
    return films(240, VALIDATION_SEED)


def _train(model: nn.Module, recipe: MerlotRecipe, checkpoint) -> History:
    which = {
        "contrast": recipe.contrast,
        "words": recipe.words,
        "order": recipe.order,
        "attended": recipe.attended,
    }

    def loss(model: Merlot, batch: FilmBatch) -> torch.Tensor:
        read = batch.frames, batch.ids, batch.places, batch.generator
        return merlot_losses(model, *read, hidden_from=recipe.hidden_from, **which).total()

    if recipe.tune:
        if recipe.steps:
            model.load_state_dict(trained(replace(recipe, tune=0)).state_dict())
        which = {"contrast": False, "words": False, "order": True}
        recipe = replace(recipe, steps=recipe.tune, lr=recipe.tune_lr, stills=False, hidden_from=None)
        drawn = films(FILMS // 4, TUNE_SEED, skew=SKEW)
    else:
        drawn = training_films(recipe)
    return fit(
        model.train(),
        film_batches(drawn, recipe.batch, recipe.seed, stills=recipe.stills),
        loss,
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=0.1,
        schedule="constant",  # lowered early, a model that is about to use the lines never does
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress="training a MERLOT on films, once",
    )
