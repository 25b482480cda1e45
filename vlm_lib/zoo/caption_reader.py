"""Small language models that have read captions of scenes, and nothing else, and never saw a picture.

What one has read can be chosen: a colour can be kept from it. Chapter: 41_magic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from vlm_lib.checks import check_one_of, check_seed
from vlm_lib.data import scenes
from vlm_lib.data.attributes import Scenes, draw_attributes
from vlm_lib.data.tokenizer import BOS, EOS, world_tokenizer
from vlm_lib.evaluation.perplexity import perplexity
from vlm_lib.losses import caption_loss
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, stream
from vlm_lib.zoo.store import Card, load_or_train, recipe_path

TEST_SEED = 9_000


@dataclass(frozen=True)
class ReaderRecipe:
    """All that decides a reader besides the world; a batch is `batch` captions. without: a colour kept from it."""

    seed: int = 0
    without: str = ""
    captions: int = 4096
    steps: int = 400
    batch: int = 48
    lr: float = 4e-3
    width: int = 64
    layers: int = 2
    heads: int = 4
    positions: int = 32
    init: float = 0.06
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


@dataclass(frozen=True)
class CaptionReader:
    """The LM, its tokenizer, and every caption that it has read."""

    lm: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerFast
    read: list[str]
    card: Card

    @property
    def prompt(self) -> Int[Tensor, " 1"]:
        """What stands before a caption: the start mark."""
        return torch.tensor([self.tokenizer.bos_token_id])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text up to the end mark, as CLIP reads it."""
        return self.tokenizer.decode([token for token in tokens if token != self.tokenizer.eos_token_id])


def caption_reader(*, seed: int = 0, without: str = "") -> CaptionReader:
    """The reader of a seed, from the zoo's cache, or trained now, in some seconds, and kept; frozen, in eval mode.

    Raises: ValueError for a bad seed, or a colour that is none.
    """
    check_one_of("without", without, ("", *scenes.COLOURS))
    recipe, tokenizer = ReaderRecipe(check_seed(seed), without), world_tokenizer(("scenes",))
    read, lm = texts(recipe), _build(recipe, tokenizer)
    card = load_or_train(
        lm,
        recipe_path("caption-reader", recipe, hashlib.sha256("\n".join(read).encode()).hexdigest()),
        recipe,
        train=lambda checkpoint: _train(lm, recipe, tokenizer, read, checkpoint),
        measure=lambda: {
            "perplexity": perplexity(lm, tokenizer, [f"{BOS} {t} {EOS}" for t in texts(recipe, TEST_SEED)[:512]])
        },
    )
    return CaptionReader(lm, tokenizer, read, card)


def texts(recipe: ReaderRecipe, more: int = 0) -> list[str]:
    """The captions of a recipe: of scenes of one or two objects, in several wordings, none with `without`."""
    seed = (recipe.seed + more) % 2**32
    attributes = draw_attributes(recipe.captions, stream(seed, "reader scenes"), objects=(1, 2), split="train")
    said = scenes.captions(Scenes(attributes, torch.empty(0)), seed)  # nothing is drawn: captions need no pixels
    return [text for text in said if recipe.without == "" or recipe.without not in text.split()]


@random_state_kept()
def _build(recipe: ReaderRecipe, tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    seed_everything(recipe.seed)
    sizes = {"n_positions": recipe.positions, "n_embd": recipe.width}
    sizes |= {"n_layer": recipe.layers, "n_head": recipe.heads}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    marks = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), initializer_range=recipe.init, **sizes, **no_dropout, **marks)
    )


def _train(
    lm: GPT2LMHeadModel,
    recipe: ReaderRecipe,
    tokenizer: PreTrainedTokenizerFast,
    read: list[str],
    checkpoint: Path,
) -> History:
    ids = tokenizer([f"{BOS} {text} {EOS}" for text in read], return_tensors="pt", padding=True).input_ids

    def batch(step: int) -> Int[Tensor, "batch seq"]:
        rows = stream(recipe.seed, f"reader batch {step}").integers(len(ids), size=recipe.batch)
        return ids[torch.from_numpy(rows)]

    def loss(lm: GPT2LMHeadModel, ids: Int[Tensor, "batch seq"]) -> Float[Tensor, ""]:
        logits = lm(input_ids=ids, use_cache=False).logits[:, :-1]
        return caption_loss(logits, ids[:, 1:], ignore_index=tokenizer.pad_token_id)

    return fit(
        lm.train(), batch, loss, steps=recipe.steps, lr=recipe.lr, warmup=0.05, seed=recipe.seed,
        checkpoint=checkpoint, progress="training a reader of captions, once",
    )  # fmt: skip
