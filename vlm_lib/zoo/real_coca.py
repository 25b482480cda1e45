"""The zoo's real CoCa: a frozen EfficientNet-Lite0 as encoder; poolers and decoder trained on the drawings.

A thousand drawings with their names are too few to write from; each is shown with several wordings. It names the
kind of thing more often than the thing.
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
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.evaluation.retrieval import recall_at_k
from vlm_lib.models.clip import clamp_logit_scale
from vlm_lib.models.coca import CoCa, training_loss
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.real_features import real_fingerprint
from vlm_lib.zoo.real_maps import MAP_CHANNELS, drawing_maps
from vlm_lib.zoo.store import load_or_train, recipe_path

POSITIONS = 16


@dataclass(frozen=True)
class RealCoCaRecipe:
    """All that decides the model besides the tower and the drawings. Chosen on 200 of the training drawings.

    drop: the share of image tokens that a batch goes without, against learning the few drawings by heart.
    """

    seed: int = 0
    steps: int = 400
    batch: int = 64
    lr: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.3
    dim: int = 96
    queries: int = 16
    layers: int = 2
    drop: float = 0.5
    version: int = 2


class NameTokens:
    """Names as ids between <bos> and <eos>, padded: word by word, in lower case, as the drawings' names are."""

    def __init__(self):
        self.tokenizer = world_tokenizer(("openmoji",))
        self.bos, self.eos, self.pad = (
            self.tokenizer.convert_tokens_to_ids(token) for token in ("<bos>", "<eos>", "<pad>")
        )

    def __len__(self) -> int:
        return len(self.tokenizer)

    def ids(self, names: list[str]) -> Int[Tensor, "n seq"]:
        """The longest names are cut to fit."""
        rows = [self.tokenizer(name).input_ids[: POSITIONS - 2] for name in names]
        width = max(map(len, rows)) + 2
        out = torch.full((len(rows), width), self.pad)
        for i, row in enumerate(rows):
            out[i, : len(row) + 2] = torch.tensor([self.bos, *row, self.eos])
        return out

    def text(self, ids: Int[Tensor, " seq"]) -> str:
        return self.tokenizer.decode([i for i in ids.tolist() if i not in (self.bos, self.eos, self.pad)])


def real_coca(*, seed: int = 0, recipe: RealCoCaRecipe | None = None) -> tuple[CoCa, NameTokens]:
    """The real CoCa, from the cache or trained now, in a minute or two, and kept; frozen, in evaluation mode.

    It sees the rows of `drawing_maps`. Raises: ValueError for a bad seed; WeightsUnavailable.
    """
    recipe = recipe or RealCoCaRecipe(seed=check_seed(seed))
    words, maps, emoji = NameTokens(), drawing_maps(), openmoji.load()
    model = build_real_coca(recipe, words, maps)
    model.card = load_or_train(
        model,
        recipe_path("real-coca", recipe, real_fingerprint()),
        recipe,
        train=lambda checkpoint: train_real_coca(
            model, recipe, words, maps, checkpoint=checkpoint, progress="training the real CoCa, once"
        ),
        measure=lambda: quality(model.eval(), words, maps, emoji),
    )
    return model.requires_grad_(False).eval(), words


class Maps(nn.Module):
    """The encoder is frozen and has been run: what is left of it is to centre and scale its maps."""

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def forward(self, maps: Float[Tensor, "n tokens channels"]) -> Float[Tensor, "n tokens channels"]:
        return (maps.float() - self.mean) / self.std


@random_state_kept()
def build_real_coca(recipe: RealCoCaRecipe, words: NameTokens, maps: Tensor) -> CoCa:
    """The untrained model of a recipe."""
    seed_everything(recipe.seed)
    encoder = Maps(MAP_CHANNELS)
    shown = maps[torch.from_numpy(openmoji.load().train)].float()
    encoder.mean.copy_(shown.mean(dim=(0, 1)))
    encoder.std.copy_(shown.std(dim=(0, 1)).clamp(min=1e-3))
    return CoCa(
        encoder,
        MAP_CHANNELS,
        len(words),
        dim=recipe.dim,
        queries=recipe.queries,
        text_layers=recipe.layers,
        image_layers=recipe.layers,
        mlp_ratio=2,
        positions=POSITIONS,
        pad_id=words.pad,
    )


def train_real_coca(
    model: CoCa,
    recipe: RealCoCaRecipe,
    words: NameTokens,
    maps: Tensor,
    *,
    rows: Int[np.ndarray, " rows"] | None = None,
    checkpoint: Path | None = None,
    progress: str | None = None,
) -> History:
    """Train as the zoo does: both losses, on the names and their kinds. rows: drawings, all of `train` if None."""
    emoji = openmoji.load()
    rows = emoji.train if rows is None else rows
    texts = [[w for w in wordings(emoji.records[row])] for row in rows]
    return fit(
        model.train(),
        batches(maps[torch.from_numpy(rows)], texts, words, recipe),
        training_loss,
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=recipe.warmup,
        weight_decay=recipe.weight_decay,
        seed=recipe.seed,
        after_step=lambda model: clamp_logit_scale(model.log_scale),
        checkpoint=checkpoint,
        progress=progress,
    )


def wordings(record: openmoji.Record) -> tuple[str, str]:
    """What a drawing is called, and its name with the kind of thing that it is."""
    return record.name, f"{record.name}, {record.subgroup}"


def batches(
    maps: Tensor, texts: list[list[str]], words: NameTokens, recipe: RealCoCaRecipe
) -> Callable[[int], tuple[Tensor, Tensor]]:
    """step -> (maps, ids) of one batch; the same image tokens are missing for all of it."""

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rng = stream(recipe.seed, f"real coca {step}")
        chosen = rng.permutation(len(maps))[: recipe.batch]
        kept = rng.permutation(maps.shape[1])[: round((1 - recipe.drop) * maps.shape[1])]
        said = [texts[row][rng.integers(len(texts[row]))] for row in chosen]
        return maps[torch.from_numpy(chosen)][:, torch.from_numpy(kept)], words.ids(said)

    return batch


@torch.no_grad()
def quality(
    model: CoCa, words: NameTokens, maps: Tensor, emoji: openmoji.Emoji, rows: Int[np.ndarray, " n"] | None = None
) -> dict[str, float]:
    """On held-out drawings: R@1 and R@5 of the name among all, and whether the caption has a word of the name."""
    rows = emoji.held_out if rows is None else rows
    names = [emoji.names[row] for row in rows]
    seen, ids = model.see(maps[torch.from_numpy(rows)]), words.ids(names)
    similarity = seen.features @ model.read(ids).features.T
    start = torch.full((len(rows), 1), words.bos)
    said = [set(words.text(row).split()) for row in model.caption(seen.tokens, start, words.eos, POSITIONS - 2)]
    hits = [
        bool((caption - {"of", "with", ","}) & set(name.split()))
        for caption, name in zip(said, names, strict=True)
    ]
    return {
        "R@1 text": recall_at_k(similarity, 1),
        "R@5 text": recall_at_k(similarity, 5),
        "a word of the name": float(np.mean(hits)),
    }
