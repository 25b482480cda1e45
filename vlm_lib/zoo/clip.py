"""The zoo's small CLIPs, trained on the scenes or on OpenMoji.

Source: CLIP, section 2 (arXiv 2103.00020). Chapter: 02_contrastive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vlm_lib.checks import check_one_of, check_seed
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.losses import contrastive_loss
from vlm_lib.models.clip import ContrastiveModel, clamp_logit_scale, small_clip
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.clip_worlds import WORLDS, Pairs
from vlm_lib.zoo.store import load_or_train, recipe_path


@dataclass(frozen=True)
class ClipRecipe:
    """All that decides a small CLIP besides its data; the sizes, from `width` on, are those of `small_clip`."""

    world: str
    seed: int = 0
    steps: int = 500
    batch: int = 128
    lr: float = 2e-3
    warmup: int = 30
    examples: int = 8192
    width: int = 96
    layers: int = 2
    text_width: int = 64
    text_layers: int = 2
    heads: int = 4
    dim: int = 64
    context: int = 24
    version: int = 2  # raised when the same recipe comes to give other weights: the training's code changed


SIZES = ("width", "layers", "text_width", "text_layers", "heads", "dim", "context")
RECIPES = {"scenes": ClipRecipe("scenes"), "openmoji": ClipRecipe("openmoji", steps=400, lr=1.5e-3)}


def tiny_clip(
    world: str = "scenes",
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    recipe: ClipRecipe | None = None,
) -> ContrastiveModel:
    """A small CLIP of "scenes" or "openmoji": from the cache, or trained now and kept there; frozen, in eval mode.

    recipe: another set-up than the zoo's; it replaces `world` and `seed`. What training cost and what was
    measured stands in the model's `.card`. The global random state is left as found. Raises: ValueError for an
    unknown world or a bad seed. Chapter: 02_contrastive.
    """
    check_one_of("world", world, tuple(RECIPES))
    recipe = recipe or replace(RECIPES[world], seed=check_seed(seed))
    chosen = WORLDS[recipe.world]
    model = build_clip(recipe).to(device)
    model.card = load_or_train(
        model,
        recipe_path("tiny-clip-" + recipe.world, recipe, chosen.fingerprint()),
        recipe,
        train=lambda checkpoint: train_clip(
            model, recipe, checkpoint=checkpoint, progress=f"training the small CLIP on {recipe.world}, once"
        ),
        measure=lambda: chosen.measure(model),
    )
    return model


@random_state_kept()
def build_clip(recipe: ClipRecipe) -> ContrastiveModel:
    """The untrained model of a recipe; its seed decides the weights."""
    seed_everything(recipe.seed)
    sizes = {name: getattr(recipe, name) for name in SIZES}
    return small_clip(world_tokenizer(), **sizes)


def train_clip(
    model: ContrastiveModel,
    recipe: ClipRecipe,
    *,
    checkpoint: Path | None = None,
    progress: str | None = None,
) -> History:
    """Train a model of `build_clip` as the zoo does. Texts that say the same count as each other's partners."""
    model.train()
    return fit(
        model,
        clip_batches(WORLDS[recipe.world].pairs(recipe.examples, recipe.seed), recipe, model),
        clip_loss,
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=min(recipe.warmup, recipe.steps - 1),
        seed=recipe.seed,
        after_step=lambda model: clamp_logit_scale(model.clip.logit_scale),
        checkpoint=checkpoint,
        progress=progress,
    )


def clip_batches(
    pairs: Pairs, recipe: ClipRecipe, model: ContrastiveModel
) -> Callable[[int], tuple[Tensor, Tensor, Tensor]]:
    """step -> (images, token ids, labels) of one batch; `labels` are equal where the texts say the same."""
    ids = torch.stack([model.tokenize(texts) for texts in pairs.texts])
    labels = torch.from_numpy(pairs.labels)

    def batch(step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = stream(recipe.seed, f"clip batch {step}")
        rows = rng.permutation(len(labels))[: recipe.batch]
        wording = rng.integers(len(ids), size=len(rows))
        return pairs.augment(pairs.images[rows], rng), ids[wording, rows], labels[rows]

    return batch


def clip_loss(model: ContrastiveModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The contrastive loss of a batch of `clip_batches`; pairs with equal labels are each other's partners."""
    images, ids, labels = batch
    texts = model.clip.encode_text(ids.to(model.device), normalize=True)
    return contrastive_loss(
        model.encode_image(images), texts, model.logit_scale, positives=labels.to(model.device)
    )
