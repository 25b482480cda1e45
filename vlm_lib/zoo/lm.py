"""The zoo's small language model: GPT-2 from a small configuration, over sentences about scenes and emoji facts.

It is the LM that captioners freeze. Source of the architecture: Radford et al. 2019 (GPT-2). Chapter: 01_worlds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase

from vlm_lib.checks import check_seed
from vlm_lib.data.tokenizer import vocabulary, world_tokenizer
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.lm_measure import measure_lm
from vlm_lib.zoo.lm_texts import knowledge_documents, scene_documents
from vlm_lib.zoo.store import Card, load_or_train, recipe_path


@dataclass(frozen=True)
class LmRecipe:
    """All that decides the small LM besides its data; a batch is `rows` windows of `seq` tokens."""

    seed: int = 0
    steps: int = 800
    rows: int = 12
    seq: int = 128
    lr: float = 3e-3
    warmup: int = 30
    documents: int = 8192
    width: int = 96
    layers: int = 3
    heads: int = 4
    init: float = 0.06  # GPT-2's 0.02 is meant for widths of 768 and more; here it starts too near zero
    version: int = 2  # raised when the same recipe comes to give other weights: the training's code changed


@dataclass(frozen=True)
class LanguageModel:
    """A causal LM with its tokenizer; `card` says how it was made and how good it is."""

    model: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerBase
    card: Card


def tiny_lm(*, seed: int = 0, device: torch.device | str = "cpu", recipe: LmRecipe | None = None) -> LanguageModel:
    """The small LM: from the cache, or trained now and kept there; frozen, in evaluation mode.

    recipe: another set-up than the zoo's; it replaces `seed`. The global random state is left as found. Raises:
    ValueError for a bad seed. Chapter: 01_worlds.
    """
    recipe = recipe or LmRecipe(seed=check_seed(seed))
    model = build_lm(recipe).to(device)
    tokenizer = world_tokenizer()
    card = load_or_train(
        model,
        recipe_path("tiny-lm", recipe, _fingerprint()),
        recipe,
        train=lambda checkpoint: train_lm(
            model, recipe, checkpoint=checkpoint, progress="training the small language model, once"
        ),
        measure=lambda: measure_lm(model, tokenizer),
    )
    return LanguageModel(model, tokenizer, card)


@random_state_kept()
def build_lm(recipe: LmRecipe) -> GPT2LMHeadModel:
    """The untrained model of a recipe. No dropout: each token is seen only a few times."""
    seed_everything(recipe.seed)
    tokenizer = world_tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=recipe.seq,
        n_embd=recipe.width,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        initializer_range=recipe.init,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        loss_type="ForCausalLM",  # what it would choose itself, but with a warning
    )
    return GPT2LMHeadModel(config)


def train_lm(
    model: GPT2LMHeadModel,
    recipe: LmRecipe,
    *,
    checkpoint: Path | None = None,
    progress: str | None = None,
) -> History:
    """Train a model of `build_lm` as the zoo does: half of each batch scene documents, half knowledge."""
    model.train()
    return fit(
        model,
        lm_batches(recipe),
        lambda model, ids: model(input_ids=ids.to(model.device), labels=ids.to(model.device)).loss,
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=min(recipe.warmup, recipe.steps - 1),
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress=progress,
    )


def lm_batches(recipe: LmRecipe) -> Callable[[int], Int[Tensor, "rows seq"]]:
    """step -> windows cut at random from two endless strings of documents.

    Windows, not documents: so every position is trained with every kind of token, and a prefix of k vectors
    in front of a text does not meet positions that only ever held what came k tokens later.
    """
    tokenizer = world_tokenizer()
    documents = (scene_documents(recipe.documents, recipe.seed), knowledge_documents(recipe.seed))
    strings = [torch.tensor(sum(tokenizer(list(texts)).input_ids, [])) for texts in documents]

    def batch(step: int) -> Int[Tensor, "rows seq"]:
        rng = stream(recipe.seed, f"lm batch {step}")
        rows = []
        for row in range(recipe.rows):
            string = strings[row % 2]
            start = int(rng.integers(len(string) - recipe.seq))
            rows.append(string[start : start + recipe.seq])
        return torch.stack(rows)

    return batch


def _fingerprint() -> str:
    """A digest of some documents and the vocabulary: it changes if the worlds' sentences do."""
    content = repr((scene_documents(64, 0), knowledge_documents(0), sorted(vocabulary())))
    return hashlib.sha256(content.encode()).hexdigest()
