"""The toy world of the fusion chapters: pages of scenes, a tower that reads them, and a small language model.

All three are frozen by those who use them. The LM learns from texts alone how such pages go; of any picture it
knows nothing. Chapter: 34_flamingo.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from vlm_lib.checks import check_one_of
from vlm_lib.data.documents import interleaved
from vlm_lib.data.tokenizer import IMAGE, world_tokenizer
from vlm_lib.losses import caption_loss
from vlm_lib.models.clip import ContrastiveModel
from vlm_lib.models.flamingo import Flamingo
from vlm_lib.training import fit
from vlm_lib.training.pages import Pages, read
from vlm_lib.training.seeds import random_state_kept, seed_everything, step_generator
from vlm_lib.zoo.clip import tiny_clip

KINDS: dict[str, dict[str, Any]] = {
    "interleaved": {"images_per_document": 3, "caption": "short"},
    "pairs": {"images_per_document": 1, "caption": "full", "objects": 1},
    "dense pairs": {"images_per_document": 1, "caption": "full", "objects": (3, 4)},
}
LONGEST = 8  # images of a page that the LM has met


@dataclass(frozen=True)
class PageWorld:
    """`clip` reads pictures, `lm` continues texts of `tokenizer`; `pages` and `flamingo` put them together."""

    clip: ContrastiveModel
    lm: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerFast

    def pages(self, n: int, seed: int, *, kind: str = "interleaved", **options: Any) -> Pages:
        """`n` pages with the tower's features: three scenes with short captions, or another of `KINDS`.

        `options` are those of `data.documents.interleaved`, and replace the kind's own. Raises: ValueError for an
        unknown kind, or as `interleaved` does.
        """
        check_one_of("kind", kind, tuple(KINDS))
        documents = interleaved(n, seed, tokenizer=self.tokenizer, **{**KINDS[kind], **options})
        return read(documents, self.clip.image_tokens)

    def flamingo(self, seed: int, **options: Any) -> Flamingo:
        """An untrained Flamingo of the size of this world; `options` are the ablations that `Flamingo` takes."""
        seed_everything(seed)
        sizes = {"num_latents": 8, "resampler_depth": 1, "heads": 4, "head_dim": 16, "ff_mult": 2}
        image = self.tokenizer.convert_tokens_to_ids(IMAGE)
        sizes |= {"media_dim": self.clip.vision_width, "image_token_id": image}
        return Flamingo(nn.Identity(), self.lm, **{**sizes, **options})


@functools.cache
@random_state_kept()
def page_world() -> PageWorld:
    """The world, once per process: the tower from the zoo's cache, the LM trained now, in a few seconds."""
    tokenizer = world_tokenizer(worlds=("scenes",))
    return PageWorld(tiny_clip("scenes"), _language_model(tokenizer), tokenizer)


def _language_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """Two layers over the three kinds of pages in turn, and over pages of eight images."""
    seed_everything(0)
    sizes = {"vocab_size": len(tokenizer), "n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 4}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    lm = GPT2LMHeadModel(GPT2Config(**sizes, **ends, **no_dropout))
    long = KINDS["interleaved"] | {"images_per_document": LONGEST}
    texts = [interleaved(1024, 2, tokenizer=tokenizer, **options).input_ids for options in (*KINDS.values(), long)]

    def batch(step: int) -> Int[Tensor, "n seq"]:
        rows = torch.randint(1024, (32,), generator=step_generator(0, step))
        return texts[step % len(texts)][rows]

    def loss(lm: GPT2LMHeadModel, ids: Int[Tensor, "n seq"]) -> Tensor:
        return caption_loss(lm(ids).logits[:, :-1], ids[:, 1:], ignore_index=tokenizer.pad_token_id)

    fit(lm, batch, loss, steps=300, lr=4e-3, warmup=20, progress="language model")
    return lm.requires_grad_(False).eval()
