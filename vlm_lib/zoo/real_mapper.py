"""The zoo's real captioner: the real CLIP's image vector as a prefix for frozen SmolLM2; and its blind twin.

Source: ClipCap (arXiv 2111.09734) in small; see `models.prefix`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlm_lib.checks import check_seed
from vlm_lib.data import openmoji
from vlm_lib.models.locked import LockedClip
from vlm_lib.models.prefix import PrefixCaptioner, PrefixMapper
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.pretrained import PretrainedLm, smollm2
from vlm_lib.zoo.real_bridge import real_clip
from vlm_lib.zoo.real_features import image_features
from vlm_lib.zoo.real_measure import caption_quality
from vlm_lib.zoo.store import load_or_train, recipe_path


@dataclass(frozen=True)
class CaptionerRecipe:
    """All that decides the mapper besides the real CLIP, the LM and the drawings.

    It was chosen on 200 of the training drawings. blind: the twin, trained in the same way on vectors that are the
    same for all drawings. start: the text whose embeddings the prefix begins with, one vector per token.
    """

    seed: int = 0
    blind: bool = False
    steps: int = 100
    batch: int = 16
    lr: float = 3e-3
    start_lr_scale: float = 2.0
    warmup: float = 0.1
    weight_decay: float = 0.1
    dropout: float = 0.3
    hidden: int = 512
    start: str = "An emoji of"
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


def real_captioner(
    *,
    seed: int = 0,
    blind: bool = False,
    device: torch.device | str = "cpu",
    recipe: CaptionerRecipe | None = None,
) -> PrefixCaptioner:
    """The real captioner: mapper from the cache, or trained now, in minutes, and kept; frozen, in evaluation mode.

    It looks through `real_clip` of the same seed; every method takes that model's image vectors, `tower(images)`.
    blind: its twin that was trained in the same way without seeing a picture. recipe: another set-up than the
    zoo's; it replaces `seed` and `blind`. Its captions are of the right kind more often than of the right thing.
    Raises: ValueError for a bad seed; WeightsUnavailable, naming the package that is missing.
    """
    recipe = recipe or CaptionerRecipe(seed=check_seed(seed), blind=blind)
    clip, lm, emoji = real_clip(seed=recipe.seed), smollm2(), openmoji.load()
    model = build_captioner(recipe, clip, lm)
    vectors = clip.bridge(image_features(emoji.images))
    model.card = load_or_train(
        model.mapper,
        recipe_path("real-captioner", recipe, f"{lm.source} {clip.card.path.name}"),
        recipe,
        train=lambda checkpoint: train_mapper(
            model,
            recipe,
            vectors[emoji.train],
            [emoji.names[row] for row in emoji.train],
            checkpoint=checkpoint,
            progress=f"training the real captioner{'’s blind twin' if recipe.blind else ''}, once",
        ),
        measure=lambda: caption_quality(model, clip.text_tower, vectors, emoji),
    )
    return model.to(device).eval()


@random_state_kept()
def build_captioner(recipe: CaptionerRecipe, clip: LockedClip, lm: PretrainedLm) -> PrefixCaptioner:
    """The untrained captioner of a recipe; its seed decides the mapper's weights."""
    table = lm.model.get_input_embeddings().weight
    start = table[lm.tokenizer(recipe.start).input_ids]
    seed_everything(recipe.seed)
    mapper = PrefixMapper(
        clip.bridge.linear.out_features,
        table.shape[1],
        len(start),
        hidden=recipe.hidden,
        dropout=recipe.dropout,
        scale=float(table.square().mean().sqrt()),
        blind=recipe.blind,
    )
    mapper.set_start(start)
    return PrefixCaptioner(nn.Sequential(clip.image_tower, clip.bridge), mapper, lm.model, lm.tokenizer)


def train_mapper(
    model: PrefixCaptioner,
    recipe: CaptionerRecipe,
    features: Float[Tensor, "n feature_dim"],
    texts: list[str],
    *,
    checkpoint: Path | None = None,
    progress: str | None = None,
) -> History:
    """Train a captioner's mapper as the zoo does, on features with their captions; tower and LM stay frozen."""
    mapper = model.train().mapper
    mapper.standardize.set_from(features)
    targets = [model.targets([text])[0] for text in texts]
    rows = length_batches([len(ids) for ids in targets], recipe.batch, recipe.seed)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        chosen = rows(step)
        return features[chosen], model.targets([texts[row] for row in chosen])

    return fit(
        mapper,  # and not the captioner: its checkpoint then leaves out the frozen LM
        batch,
        lambda _, batch: model.loss(*batch),
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=recipe.warmup,
        weight_decay=recipe.weight_decay,
        seed=recipe.seed,
        param_groups=[{"params": [mapper.start], "lr_scale": recipe.start_lr_scale}],
        checkpoint=checkpoint,
        checkpoint_every=25,
        progress=progress,
    )


def length_batches(lengths: list[int], size: int, seed: int) -> Callable[[int], Int[np.ndarray, " size"]]:
    """step -> rows of one batch, of captions about equally long; each row once an epoch.

    Most names have two tokens and a few have ten: at random, two thirds of a batch would be padding. Source:
    bucketing, as in Sutskever et al. 2014, section 3.4 (arXiv 1409.3215).
    """
    per_epoch = len(lengths) // size

    def batch(step: int) -> Int[np.ndarray, " size"]:
        rng = stream(seed, f"captions epoch {step // per_epoch}")
        rows = rng.permutation(len(lengths))[: per_epoch * size]
        rows = rows[np.argsort(np.array(lengths)[rows], kind="stable")].reshape(per_epoch, size)
        return rows[rng.permutation(per_epoch)[step % per_epoch]]

    return batch
