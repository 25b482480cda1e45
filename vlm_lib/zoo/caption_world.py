"""The captioners' toy world: scenes as image vectors with captions, and a small LM that knows texts.

The LM has read captions, questions with answers and statements about scenes, and of any picture nothing. So it has
something to be steered with, and something to forget. Chapter: 22_clipcap.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from vlm_lib.data import scenes
from vlm_lib.data.scenes import Scenes
from vlm_lib.data.tokenizer import BOS, world_tokenizer
from vlm_lib.evaluation.perplexity import next_word_accuracy, perplexity
from vlm_lib.models.clip import ContrastiveModel
from vlm_lib.models.locked import Standardized
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, step_generator
from vlm_lib.zoo.clip import tiny_clip
from vlm_lib.zoo.lm_texts import ask, scene_documents
from vlm_lib.zoo.store import Card, load_or_train, recipe_path

TEST_SEED = 9_000


@dataclass(frozen=True)
class Captioned:
    """Scenes, the tower's vector for each picture, and the one canonical caption of each."""

    scenes: Scenes
    features: Float[Tensor, "n feature_dim"]
    captions: list[str]

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def images(self) -> UInt8[Tensor, "n 3 64 64"]:
        return self.scenes.images


@dataclass(frozen=True)
class CaptionWorld:
    """`clip` sees pictures, `lm` continues texts of `tokenizer`; both are frozen. `card` describes the LM."""

    clip: ContrastiveModel
    lm: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerFast
    card: Card
    standardize: Standardized

    def captioned(self, n: int, seed: int) -> Captioned:
        """`n` scenes of one or two objects; features have mean 0 and deviation 1 in each dimension."""
        drawn = scenes.generate(n, seed)
        return Captioned(drawn, self.standardize(_look(self.clip, drawn)), scenes.captions(drawn))

    def tokens(self, shown: Captioned) -> Float[Tensor, "n 16 vision_width"]:
        """The tower's 4 x 4 patch tokens of each picture, where `features` has one vector for all of it."""
        with torch.no_grad():
            return torch.cat([self.clip.image_tokens(part) for part in shown.images.split(256)])

    def text_quality(self, lm: GPT2LMHeadModel, *, documents: int = 128) -> dict[str, float]:
        """What an LM still knows of texts: see `measure`. Of a tuned LM, what tuning left."""
        return measure(lm, self.tokenizer, documents)


@dataclass(frozen=True)
class CaptionLmRecipe:
    """All that decides the LM besides its texts; a batch is `rows` windows of `seq` tokens."""

    seed: int = 0
    steps: int = 900
    rows: int = 24
    seq: int = 64
    lr: float = 4e-3
    documents: int = 8192
    width: int = 64
    layers: int = 2
    heads: int = 4
    init: float = 0.06
    version: int = 1  # raised when the same recipe comes to give other weights: the training's code changed


@functools.cache
def caption_world() -> CaptionWorld:
    """The world, once per process: tower and LM from the zoo's cache, or trained now and kept there."""
    recipe, tokenizer, clip = CaptionLmRecipe(), world_tokenizer(worlds=("scenes",)), tiny_clip("scenes")
    lm = _build(recipe, tokenizer)
    card = load_or_train(
        lm,
        recipe_path("caption-lm", recipe, _fingerprint()),
        recipe,
        train=lambda checkpoint: _train(lm, recipe, tokenizer, checkpoint),
        measure=lambda: measure(lm, tokenizer, 512),
    )
    standardize = Standardized(clip.clip.visual.output_dim)
    standardize.set_from(_look(clip, scenes.generate(1024, 1)))
    return CaptionWorld(clip, lm, tokenizer, card, standardize)


def measure(lm: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, documents: int) -> dict[str, float]:
    """An LM's knowledge of texts that training did not draw.

    perplexity: of whole documents about scenes. answers: the share of questions about a described scene that it
    answers right; "(no caption)" the same without the description, which is what guessing gives.
    """
    drawn = scenes.generate(documents, TEST_SEED)
    asked = scenes.questions(drawn, TEST_SEED)
    told = [
        f"{BOS} {caption} {ask(question)}"
        for caption, (question, _) in zip(scenes.captions(drawn), asked, strict=True)
    ]
    untold = [f"{BOS} {ask(question)}" for question, _ in asked]
    answers = [answer for _, answer in asked]
    return {
        "perplexity": perplexity(lm, tokenizer, scene_documents(documents, TEST_SEED)),
        "answers": next_word_accuracy(lm, tokenizer, told, answers),
        "answers (no caption)": next_word_accuracy(lm, tokenizer, untold, answers),
    }


@random_state_kept()
def _build(recipe: CaptionLmRecipe, tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    seed_everything(recipe.seed)
    sizes = {"n_positions": recipe.seq, "n_embd": recipe.width, "n_layer": recipe.layers, "n_head": recipe.heads}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    ends |= {"pad_token_id": tokenizer.pad_token_id, "loss_type": "ForCausalLM"}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), initializer_range=recipe.init, **sizes, **no_dropout, **ends)
    )


def _train(
    lm: GPT2LMHeadModel, recipe: CaptionLmRecipe, tokenizer: PreTrainedTokenizerFast, checkpoint
) -> History:
    """On windows cut at random from one string of documents: every position meets every kind of token."""
    string = torch.tensor(sum(tokenizer(scene_documents(recipe.documents, recipe.seed)).input_ids, []))

    def batch(step: int) -> Int[Tensor, "rows seq"]:
        starts = torch.randint(
            len(string) - recipe.seq, (recipe.rows, 1), generator=step_generator(recipe.seed, step)
        )
        return string[starts + torch.arange(recipe.seq)]

    return fit(
        lm.train(),
        batch,
        lambda lm, ids: lm(input_ids=ids, labels=ids).loss,
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=0.05,
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress="training the captioners' language model, once",
    )


@torch.no_grad()
def _look(clip: ContrastiveModel, drawn: Scenes) -> Float[Tensor, "n feature_dim"]:
    return torch.cat([clip.encode_image(part) for part in drawn.images.split(256)])


def _fingerprint() -> str:
    content = repr((scene_documents(64, 0), sorted(world_tokenizer(worlds=("scenes",)).get_vocab())))
    return hashlib.sha256(content.encode()).hexdigest()
