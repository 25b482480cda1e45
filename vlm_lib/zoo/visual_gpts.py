"""VisualGPTs of the captioners' toy world, one for each fusion, number of captions, rate and seed; kept.

Chapter: 31_visualgpt.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vlm_lib.checks import check_one_of
from vlm_lib.models.srau import FUSIONS
from vlm_lib.models.visualgpt import VisualGPT
from vlm_lib.training import History, fit
from vlm_lib.training.captions import caption_batches
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.caption_world import CaptionWorld, caption_world
from vlm_lib.zoo.store import Card, load_or_train, recipe_path

TRAIN_SEED, VALIDATION_SEED = 2, 3
UPDATES = {16: 30, 160: 60, 1600: 120, 16000: 240}  # by the number of captions: 0.1, 1, 10 and 100 per cent of all
ALL = max(UPDATES)
FUSIONS_AT = {
    16: ("plain", "srau", "released"),
    160: tuple(FUSIONS),
    1600: ("plain", "srau", "released"),
    16000: ("plain", "srau"),
}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 9e-3)  # of which each fusion at each number of captions gets its best
SEEDS, SPARE_SEED = range(5), 1_000  # as 31_visualgpt measures and chooses


@dataclass(frozen=True)
class VisualGptRecipe:
    """All that decides a captioner besides its world. The seed also draws the captions that it is given."""

    seed: int
    fusion: str
    captions: int
    lr: float
    steps: int
    batch: int = 24
    encoder_layers: int = 1
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


@dataclass(frozen=True)
class Shown:
    """Pictures, what the tower made of each, and their captions."""

    images: UInt8[Tensor, "n 3 64 64"]
    tokens: Float[Tensor, "n 16 96"]
    captions: list[str]


def visual_gpt(*, seed: int, fusion: str, captions: int, lr: float) -> VisualGPT:
    """The captioner: from the zoo's cache, or trained now, in some seconds, and kept; frozen, in evaluation mode.

    Raises: ValueError for an unknown fusion, or a number of captions that is not in `UPDATES`.
    """
    check_one_of("captions", captions, tuple(UPDATES))
    recipe, world = VisualGptRecipe(seed, fusion, captions, lr, UPDATES[captions]), caption_world()
    model = untrained(seed=seed, fusion=fusion)
    model.card = load_or_train(
        model,
        recipe_path("visual-gpt", recipe, world.card.path.name),
        recipe,
        train=lambda checkpoint: _train(model, recipe, checkpoint),
        measure=lambda: {"validation, nats": nats(model, shown(256, VALIDATION_SEED))},
    )
    return model


@random_state_kept()
def untrained(*, seed: int, fusion: str) -> VisualGPT:
    """The same before its first update: the LM's weights, and everything new at random."""
    world: CaptionWorld = caption_world()
    seed_everything(seed)
    return VisualGPT(world.lm, world.tokenizer, features=96, fusion=fusion)


@functools.cache
def shown(n: int, seed: int) -> Shown:
    """`n` scenes of the world, looked at once per process."""
    world = caption_world()
    drawn = world.captioned(n, seed)
    return Shown(drawn.images, world.tokens(drawn), drawn.captions)


@torch.no_grad()
def nats(model: VisualGPT, of: Shown, *, shift: int = 0) -> float:
    """The captions' loss, in nats per token; `shift` gives each caption another picture."""
    return model.loss(of.tokens.roll(shift, dims=0), model.targets(of.captions)).item()


def build_visual_gpts() -> dict[str, Card]:
    """Train whatever 31_visualgpt needs and is missing: each fusion at every rate on the spare seed, and at the
    best of them on every seed. Name -> card."""
    cards = {}
    for n, fusion in [(n, fusion) for n, fusions in FUSIONS_AT.items() for fusion in fusions]:
        arm = {"fusion": fusion, "captions": n}
        tried = {lr: visual_gpt(seed=SPARE_SEED, lr=lr, **arm).card for lr in RATES}
        best = min(RATES, key=lambda lr: tried[lr].quality["validation, nats"])
        for seed in SEEDS:
            cards[f"31 {fusion} {n}, {seed}"] = visual_gpt(seed=seed, lr=best, **arm).card
    return cards


def given(seed: int, captions: int) -> list[int]:
    """Which of all captions a seed gets: with more of them it gets the same ones and others."""
    return stream(seed, "captions given").permutation(ALL)[:captions].tolist()


def _train(model: VisualGPT, recipe: VisualGptRecipe, checkpoint) -> History:
    everything, rows = shown(ALL, TRAIN_SEED), given(recipe.seed, recipe.captions)
    targets = model.targets([everything.captions[row] for row in rows])
    return fit(
        model.train(),
        caption_batches(everything.tokens[rows], targets, recipe.batch, recipe.seed),
        lambda model, pair: model.loss(*pair),
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=0.1,
        seed=recipe.seed,
        checkpoint=checkpoint,
    )
