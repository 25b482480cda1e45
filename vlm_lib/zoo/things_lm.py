"""The small LM that chapter 21_frozen freezes: it read about 48 things and naming games, and saw no picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import LlamaForCausalLM

from vlm_lib.checks import check_seed
from vlm_lib.data.things import (
    MADE_UP,
    QUESTIONS,
    Thing,
    fact_text,
    game_text,
    list_text,
    other_facts,
    things,
    things_tokenizer,
)
from vlm_lib.evaluation.perplexity import next_word_accuracy
from vlm_lib.losses import caption_loss
from vlm_lib.models.frozen import small_lm
from vlm_lib.training import History, fit
from vlm_lib.training.seeds import stream
from vlm_lib.zoo.store import Card, load_or_train, recipe_path

GAME_LINES = 14
TEST_SEED = 9_000


@dataclass(frozen=True)
class ThingsRecipe:
    """All that decides the LM besides the things. A batch is documents about things, naming games, and lists.

    other_facts: it reads that each name belongs to another thing's kind and tags.
    """

    seed: int = 0
    other_facts: bool = False
    steps: int = 1400
    facts: int = 8
    games: int = 16
    lists: int = 24
    lr: float = 4e-3
    warmup: float = 0.05
    version: int = 1


def things_lm(*, other: bool = False, recipe: ThingsRecipe | None = None) -> tuple[LlamaForCausalLM, Card]:
    """The LM, from the cache, or trained now, in about two minutes, and kept; frozen, in evaluation mode.

    other: its twin, which read that lions are whatever another thing is. recipe: replaces `other`.
    """
    recipe = recipe or ThingsRecipe(other_facts=other)
    known = other_facts() if recipe.other_facts else things()
    model = small_lm(len(things_tokenizer()), check_seed(recipe.seed))
    card = load_or_train(
        model,
        recipe_path("things-lm", recipe, _fingerprint(known)),
        recipe,
        train=lambda checkpoint: train_things_lm(model, recipe, known, checkpoint=checkpoint),
        measure=lambda: things_quality(model, known),
    )
    return model, card


def _fingerprint(known: Sequence[Thing]) -> str:
    """A digest of some of its texts, so that a changed text never meets an LM that read the old one."""
    rng = stream(0, "things fingerprint")
    texts = [fact_text(thing, rng) for thing in known]
    words = things_tokenizer().convert_ids_to_tokens(range(len(things_tokenizer())))  # get_vocab has no order
    texts += [game_text(known, rng, GAME_LINES), list_text(rng), *words]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def train_things_lm(
    model: LlamaForCausalLM, recipe: ThingsRecipe, known: Sequence[Thing], *, checkpoint: Path | None = None
) -> History:
    """Train a model of `small_lm` as the zoo does: each update reads documents about things, and games."""
    return fit(
        model.train(),
        text_batches(recipe, known),
        _loss,
        steps=recipe.steps,
        lr=recipe.lr,
        warmup=recipe.warmup,
        schedule="constant",  # names are matched only after some 600 updates: the rate must still be high then
        seed=recipe.seed,
        checkpoint=checkpoint,
        progress="training the LM that reads about things, once",
    )


def text_batches(recipe: ThingsRecipe, known: Sequence[Thing]) -> Callable[[int], tuple[Tensor, Tensor, Tensor]]:
    """step -> ids [rows seq] of documents about things, of games, and of lists said twice."""

    def batch(step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = stream(recipe.seed, f"things batch {step}")
        facts = [fact_text(known[row], rng) for row in rng.integers(len(known), size=recipe.facts)]
        games = [game_text(known, rng, GAME_LINES) for _ in range(recipe.games)]
        lists = [list_text(rng) for _ in range(recipe.lists)]
        return token_ids(facts), token_ids(games), token_ids(lists)

    return batch


def _loss(model: LlamaForCausalLM, parts: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, ""]:
    facts, games, lists = parts
    return (
        text_loss(model, facts)
        + text_loss(model, games, made_up_only=True)
        + text_loss(model, lists, again_only=True)
    )


def text_loss(
    model: LlamaForCausalLM,
    ids: Int[Tensor, "batch seq"],
    *,
    made_up_only: bool = False,
    again_only: bool = False,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of every token but the first, padding left out, in nats per token.

    Only what can be learned should count: whose turn it is in a game is chance, and so is a list said for the
    first time. made_up_only: of made-up words alone. again_only: of a list's second half.
    """
    logits, wanted = model(input_ids=ids, use_cache=False).logits[:, :-1], ids[:, 1:].clone()
    pad = things_tokenizer().pad_token_id
    if made_up_only:
        words = torch.tensor(things_tokenizer().convert_tokens_to_ids(list(MADE_UP)))
        wanted = wanted.masked_fill(~torch.isin(wanted, words), pad)
    if again_only:
        length = (ids != pad).sum(dim=1, keepdim=True)
        wanted = wanted.masked_fill(torch.arange(wanted.shape[1]) < length // 2, pad)
    return caption_loss(logits, wanted, ignore_index=pad)


def token_ids(texts: Sequence[str]) -> Int[Tensor, "batch seq"]:
    """Texts as rows of ids, padded on the right."""
    return things_tokenizer()(list(texts), return_tensors="pt", padding=True).input_ids


@torch.no_grad()
def things_quality(model: LlamaForCausalLM, known: Sequence[Thing]) -> dict[str, float]:
    """What the LM says in words alone: answers about each thing, its loss on documents, naming after k lines each.

    Facts are those that it was trained on: what is measured is memory. Games are new ones.
    """
    rng, quality = stream(TEST_SEED, "things quality"), {}
    for question, words in QUESTIONS.items():
        prompts = [f"<bos> {thing.name} : {words}" for thing in known]
        quality[f"answers, {question}"] = next_word_accuracy(
            model, things_tokenizer(), prompts, [t.answer(question) for t in known]
        )
    documents = token_ids([fact_text(thing, rng) for thing in known])
    quality["nats per token, facts"] = float(text_loss(model, documents))
    games = [game_text(known, rng, GAME_LINES).removesuffix(" . <eos>").split(" . ") for _ in range(128)]
    again = [game for game in games if game[-1] in game[:-1]]
    prompts = [" . ".join(game).rsplit(" ", 1) for game in again]
    quality["a made-up word, again"] = next_word_accuracy(model, things_tokenizer(), *zip(*prompts, strict=True))
    return quality
