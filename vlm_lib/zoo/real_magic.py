"""What MAGiC says of real drawings, recorded: SmolLM2 writes, the zoo's real CLIP steers, nothing is trained.

A run takes minutes on one thread and its outcome is a few kilobytes of text, so the outcome is kept. The LM is
shown names of training drawings, and continues the list for each held-out drawing. Chapter: 41_magic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from vlm_lib.cache import cache_dir
from vlm_lib.checks import check_seed
from vlm_lib.data import openmoji
from vlm_lib.decoding.beam import beam_search
from vlm_lib.decoding.magic import Guide, Step, Weights
from vlm_lib.decoding.magic_search import magic_search
from vlm_lib.evaluation.zero_shot import classify
from vlm_lib.training.progress import progress
from vlm_lib.training.seeds import stream
from vlm_lib.training.threads import one_thread
from vlm_lib.zoo.pretrained import GGUF, PretrainedLm, smollm2
from vlm_lib.zoo.real_bridge import real_clip
from vlm_lib.zoo.real_features import image_features, real_fingerprint
from vlm_lib.zoo.store import cached, recipe_path

PART = 32  # drawings at a time: the keys and values of a prompt of 150 tokens take 7 MB for each


@dataclass(frozen=True)
class RealMagicRecipe:
    """All that decides a run besides the models. seed: which names stand in the prompt, in which order.

    shown: how many drawings are watched step by step, at the penalty `alpha` too; the others are written without a
    penalty, for which the LM would have to read every candidate.
    """

    seed: int = 0
    drawings: int = 64
    names: int = 24
    k: int = 45
    beta: float = 2.0
    scale: float = 30.0  # preferred in trials on training drawings; the model's own scale is an arm as well
    alpha: float = 0.1
    shown: int = 6
    max_tokens: int = 6
    openings: int = 2
    long: int = 64
    version: int = 4


@dataclass(frozen=True)
class RealMagic:
    """A run. rows: the drawings' places among all. prompt: what the LM read. said: for each arm a text per
    drawing, or one text where the arm sees no picture.

    steps: for each watched drawing its recorded steps, as plain numbers, and the candidates as text. loops: the
    beginnings of long texts, and what greedy decoding and contrastive search make of them.
    """

    rows: list[int]
    prompt: str
    said: dict[str, list[str]]
    steps: list[list[dict[str, Any]]]
    loops: dict[str, list[str]]


def real_magic(seed: int = 0, *, recipe: RealMagicRecipe | None = None) -> RealMagic:
    """The run of a seed, from the cache, or made now, in a minute or two, and kept.

    Raises: ValueError for a bad seed; WeightsUnavailable, naming the package that is missing.
    """
    recipe = recipe or RealMagicRecipe(seed=check_seed(seed))
    path = recipe_path("real-magic", recipe, real_fingerprint() + GGUF.sha256)

    def build(_) -> tuple[dict[str, Tensor], dict[str, Any]]:
        with one_thread(), torch.no_grad():
            run = _run(recipe)
        return {"rows": torch.tensor(run.rows)}, vars(run)

    return RealMagic(**cached(cache_dir() / "zoo" / path.name, build)[1])


def _run(recipe: RealMagicRecipe) -> RealMagic:
    emoji, clip, lm = openmoji.load(), real_clip(), smollm2()
    rows = emoji.held_out[:: max(1, len(emoji.held_out) // recipe.drawings)][: recipe.drawings]
    features = clip.bridge(image_features(emoji.images)[torch.from_numpy(rows)])
    rng = stream(recipe.seed, "real magic names")
    names = [emoji.names[row] for row in rng.permutation(emoji.train)[: recipe.names]]
    prompt = "Names of drawings:\n" + "".join(f"- {name}\n" for name in names) + "-"
    ids = torch.tensor(lm.tokenizer(prompt).input_ids)
    eos = lm.tokenizer("\n").input_ids[0]
    guide = Guide(features, clip.encode_text, partial(_text, lm, eos))
    search = partial(magic_search, lm.model, ids, eos=eos, max_tokens=recipe.max_tokens)
    say = lambda found: [_text(lm, eos, each.tokens) for each in found]  # noqa: E731
    said = {
        "greedy": say(search(None, Weights(1))),
        "beam": [_text(lm, eos, _beam(lm, ids, eos, recipe.max_tokens))],
        "contrastive": say(search(None, Weights(8, recipe.alpha))),
    }
    half = len(rows) // 2  # far away: neighbours in the list are of one kind
    own, other = float(clip.logit_scale), guide.of([*range(half, len(rows)), *range(half)])
    arms = {f"scale {scale:g}": (scale, guide) for scale in (1.0, recipe.scale)}
    arms |= {"own scale": (own, guide), "another drawing": (recipe.scale, other)}
    parts = [(arm, part) for arm in arms for part in torch.arange(len(rows)).split(PART)]
    for arm, part in progress(parts, "SmolLM2 names drawings, once"):
        scale, images = arms[arm]
        found = search(images.of(part.tolist()), Weights(recipe.k, 0.0, recipe.beta, scale))
        said[arm] = said.get(arm, []) + say(found)
    train = [emoji.names[row] for row in emoji.train]
    said["nearest training name"] = [train[i] for i in classify(features, clip.encode_text(train)).tolist()]
    weights = Weights(recipe.k, recipe.alpha, recipe.beta, recipe.scale)
    steps = [_recorded(lm, search(guide.of([i]), weights)[0].steps) for i in range(recipe.shown)]
    return RealMagic(rows.tolist(), prompt, said, steps, _loops(lm, recipe, names))


def _loops(lm: PretrainedLm, recipe: RealMagicRecipe, names: Sequence[str]) -> dict[str, list[str]]:
    """Long texts about a few of the names: by the likeliest token, and with the penalty."""
    begin = [f"The {name} is" for name in names[: recipe.openings]]
    told: dict[str, list[str]] = {"opening": begin}
    for arm, weights in {"greedy": Weights(1), "contrastive": Weights(5, 0.6)}.items():
        prompts = [torch.tensor(lm.tokenizer(text).input_ids) for text in begin]
        found = [
            magic_search(lm.model, ids, None, weights, eos=lm.tokenizer.eos_token_id, max_tokens=recipe.long)[0]
            for ids in prompts
        ]
        told[arm] = [lm.tokenizer.decode(each.tokens) for each in found]
    return told


def _recorded(lm: PretrainedLm, steps: Sequence[Step]) -> list[dict[str, Any]]:
    rounded = lambda values: [round(value, 5) for value in values.tolist()]  # noqa: E731
    return [
        {
            "candidates": [lm.tokenizer.decode([token]) for token in step.candidates.tolist()],
            "confidence": rounded(step.confidence),
            "penalty": rounded(step.penalty),
            "cosine": rounded(step.cosine),
            "chosen": step.chosen,
        }
        for step in steps
    ]


def _beam(lm: PretrainedLm, ids: Int[Tensor, " length"], eos: int, max_tokens: int) -> tuple[int, ...]:
    prefix = lm.model.get_input_embeddings()(ids)
    return beam_search(lm.model, prefix, eos=eos, max_tokens=max_tokens, beams=5)[0].tokens


def _text(lm: PretrainedLm, eos: int, tokens: Sequence[int]) -> str:
    return lm.tokenizer.decode([token for token in tokens if token != eos]).strip()
