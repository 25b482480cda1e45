"""The zoo's real CLIP: frozen EfficientNet-Lite0 and MiniLM, and a linear map between, trained on OpenMoji.

Source: after LiT (arXiv 2111.07991), see `models.locked`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.checks import check_seed
from vlm_lib.data import openmoji
from vlm_lib.losses import contrastive_loss
from vlm_lib.models.clip import clamp_logit_scale
from vlm_lib.models.locked import Bridge, LockedClip
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.clip_worlds import emoji_pairs
from vlm_lib.zoo.real_features import image_features, real_fingerprint, text_features
from vlm_lib.zoo.real_measure import retrieval
from vlm_lib.zoo.real_towers import IMAGE_DIM, TEXT_DIM, image_tower, sentence_encoder
from vlm_lib.zoo.store import load_or_train, recipe_path


@dataclass(frozen=True)
class RealClipRecipe:
    """All that decides the bridge besides the towers and the drawings. Chosen on 200 of the training drawings.

    shuffled: each drawing gets another's texts, for all of training: the control that has nothing to learn.
    """

    seed: int = 0
    shuffled: bool = False
    steps: int = 100
    batch: int = 256
    lr: float = 1e-3
    warmup: float = 0.25
    weight_decay: float = 0.1
    dropout: float = 0.3
    logit_scale: float = 10.0
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


@dataclass(frozen=True)
class FeaturePairs:
    """What the frozen towers make of the training pairs: one vector a picture, one for each of its wordings."""

    images: Float[Tensor, "n image_dim"]
    texts: Float[Tensor, "wordings n text_dim"]


def real_clip(
    *, seed: int = 0, device: torch.device | str = "cpu", recipe: RealClipRecipe | None = None
) -> LockedClip:
    """The real CLIP: bridge from the cache, or trained now and kept there; frozen, in evaluation mode.

    recipe: another set-up than the zoo's; it replaces `seed`. Pictures of any size, uint8; sentences of any words.
    The interface is that of `tiny_clip`. Its first training looks at all drawings, which takes about a minute.
    Raises: ValueError for a bad seed; WeightsUnavailable, naming the package that is missing.
    """
    recipe = recipe or RealClipRecipe(seed=check_seed(seed))
    model = LockedClip(image_tower(), sentence_encoder(), build_bridge(recipe))
    model.card = load_or_train(
        model.bridge,
        recipe_path("real-clip", recipe, real_fingerprint()),
        recipe,
        train=lambda checkpoint: train_bridge(
            model.bridge,
            recipe,
            feature_pairs(),
            checkpoint=checkpoint,
            progress="training the real CLIP's bridge, once",
        ),
        measure=lambda: measure(model),
    )
    return model.to(device).eval()


@random_state_kept()
def build_bridge(recipe: RealClipRecipe) -> Bridge:
    """The untrained bridge of a recipe; its seed decides the weights."""
    seed_everything(recipe.seed)
    return Bridge(IMAGE_DIM, TEXT_DIM, dropout=recipe.dropout, logit_scale=recipe.logit_scale)


def feature_pairs() -> FeaturePairs:
    """The training drawings, each with the four wordings that `tiny_clip("openmoji")` learns from."""
    emoji = openmoji.load()
    embedded = [text_features(wording) for wording in emoji_pairs(len(emoji), 0).texts]
    return FeaturePairs(image_features(emoji.images)[emoji.train], torch.stack(embedded))


def train_bridge(
    bridge: Bridge,
    recipe: RealClipRecipe,
    pairs: FeaturePairs,
    *,
    checkpoint: Path | None = None,
    progress: str | None = None,
) -> History:
    """Train a bridge of `build_bridge` as the zoo does: contrastive loss, random wordings of random drawings."""
    bridge.set_from(pairs.images, pairs.texts.flatten(0, 1))
    return fit(
        bridge.train(),
        bridge_batches(pairs, recipe),
        lambda bridge, batch: contrastive_loss(bridge(batch[0]), bridge.text(batch[1]), bridge.log_scale.exp()),
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=recipe.warmup,
        weight_decay=recipe.weight_decay,
        seed=recipe.seed,
        after_step=lambda bridge: clamp_logit_scale(bridge.log_scale),
        checkpoint=checkpoint,
        progress=progress,
    )


def bridge_batches(pairs: FeaturePairs, recipe: RealClipRecipe) -> Callable[[int], tuple[Tensor, Tensor]]:
    """step -> (image features, text embeddings) of one batch, no drawing twice."""
    wordings, n = pairs.texts.shape[:2]
    partner = stream(recipe.seed, "other texts").permutation(n) if recipe.shuffled else range(n)
    texts = pairs.texts[:, torch.as_tensor(partner)]

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rng = stream(recipe.seed, f"bridge batch {step}")
        rows = rng.permutation(n)[: recipe.batch]
        return pairs.images[rows], texts[rng.integers(wordings, size=len(rows)), rows]

    return batch


def measure(model: LockedClip) -> dict[str, float]:
    """`retrieval` on the held-out drawings, and on the same as line art, which training never saw."""
    colour, line = openmoji.load(), openmoji.load("line")
    rows, quality = colour.held_out, {}
    for suffix, features in (
        ("", image_features(colour.images)[rows]),
        (" (line)", image_features(line.images[rows])),
    ):
        found = retrieval(model.bridge(features), model.encode_text, colour, rows)
        quality |= {name + suffix: value for name, value in found.items()}
    return quality
