"""The zoo's small CLIPs: open_clip's model from a small configuration, trained on the scenes or on OpenMoji.

Source: CLIP, section 2 (arXiv 2103.00020). Chapter: 02_contrastive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from torch import Tensor, nn

from vlm_lib.checks import check_one_of, check_seed
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.losses import contrastive_loss
from vlm_lib.models.clip import ContrastiveModel
from vlm_lib.training import fit
from vlm_lib.training.checkpoint import History
from vlm_lib.training.seeds import seed_everything, stream
from vlm_lib.zoo.clip_worlds import WORLDS, Pairs
from vlm_lib.zoo.store import recipe_path, trained


@dataclass(frozen=True)
class ClipRecipe:
    """All that decides a small CLIP besides its data; `width` and `layers` are the vision tower's."""

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
    measured stands in the model's `.card`. Raises: ValueError for an unknown world or a bad seed. Chapter:
    02_contrastive.
    """
    check_one_of("world", world, tuple(RECIPES))
    check_seed(seed)
    if recipe is None:
        recipe = ClipRecipe(**(vars(RECIPES[world]) | {"seed": seed}))
    chosen = WORLDS[recipe.world]
    model = build_clip(recipe).to(device)
    model.card = trained(
        recipe_path("tiny-clip-" + recipe.world, recipe, chosen.fingerprint()),
        recipe,
        model,
        lambda model, checkpoint, title: train_clip(model, recipe, checkpoint=checkpoint, progress=title),
        chosen.measure,
        f"the small CLIP on {recipe.world}",
    )
    return model


def build_clip(recipe: ClipRecipe) -> ContrastiveModel:
    """The untrained model of a recipe: a ViT over 4x4 tokens with a convolutional stem, and a text transformer.

    A linear map of 16x16 patches, ViT's own first layer, learns shapes more slowly here; three strided
    convolutions with batch norm do better for the same time. Source: Xiao et al., Early Convolutions Help
    Transformers See Better (arXiv 2106.14881).
    """
    seed_everything(recipe.seed)
    tokenizer = world_tokenizer()
    vision = {"image_size": 64, "patch_size": 16, "width": recipe.width, "layers": recipe.layers}
    text = {"width": recipe.text_width, "layers": recipe.text_layers, "heads": recipe.heads}
    text |= {"context_length": recipe.context, "vocab_size": len(tokenizer)}
    # CLIP's default, the position of the largest id, holds only for a vocabulary that ends with <eos>
    text |= {"pool_type": "eos", "eos_id": tokenizer.eos_token_id, "pad_id": tokenizer.pad_token_id}
    clip = open_clip.CLIP(recipe.dim, vision | {"head_width": recipe.width // recipe.heads}, text)
    clip.visual.conv1 = _stem(recipe.width)
    return ContrastiveModel(clip, tokenizer)


def _stem(width: int) -> nn.Sequential:
    """Pixels [3 64 64] to [width 4 4], in place of the linear map of patches."""
    convolutions = (
        (3, width // 3, 4, 4, 0),
        (width // 3, 2 * width // 3, 3, 2, 1),
        (2 * width // 3, width, 3, 2, 1),
    )
    layers: list[nn.Module] = []
    for channels_in, channels_out, kernel, stride, padding in convolutions:
        layers.append(nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False))
        layers += [nn.BatchNorm2d(channels_out), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(width, width, 1))


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
    images, ids, labels = batch
    texts = model.clip.encode_text(ids.to(model.device), normalize=True)
    return contrastive_loss(
        model.encode_image(images), texts, model.logit_scale, positives=labels.to(model.device)
    )
