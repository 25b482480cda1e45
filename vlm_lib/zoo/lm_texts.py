"""What the small language model reads: documents about scenes, and the emoji knowledge base.

A frozen LM can only be steered by what stands before a word if it has learnt that the words before matter. So
a scene's document says several things about the *same* scene, each of which follows from the first. Chapter:
01_worlds.
"""

from __future__ import annotations

import numpy as np

from vlm_lib.data import openmoji_metadata, scenes
from vlm_lib.data.tokenizer import BOS, EOC, EOS, IMAGE
from vlm_lib.training.seeds import stream

MOST_IMAGES = 5


def scene_documents(n: int, seed: int) -> list[str]:
    """`n` documents of three kinds, in a random order.

    Half describe one scene: its caption, then a paraphrase, two statements and two questions, in any order. A
    quarter is interleaved as in Flamingo: <image> and caption up to five times, each a scene of its own, so
    that a frozen LM knows these two tokens (no picture comes with them). A quarter is one caption alone.
    """
    rng = stream(seed, "lm documents")
    kinds = rng.permutation(n) % 4
    described = [f"{BOS} {text} {EOS}" for text in _descriptions(int((kinds < 2).sum()), seed, rng)]
    counts = rng.integers(1, MOST_IMAGES + 1, size=int((kinds == 2).sum()))
    caption = iter(_captions(int(counts.sum()), _after(seed, 1)))
    interleaved = [
        " ".join([BOS, *(f"{IMAGE} {next(caption)} {EOC}" for _ in range(count)), EOS]) for count in counts
    ]
    alone = [f"{BOS} {text} {EOS}" for text in _captions(int((kinds == 3).sum()), _after(seed, 2))]
    described = iter(described)
    queues = (described, described, iter(interleaved), iter(alone))
    return [next(queues[kind]) for kind in kinds]


def knowledge_documents(seed: int) -> list[str]:
    """Every fact of the knowledge base as one short document, in a random order."""
    facts = openmoji_metadata.facts(openmoji_metadata.records())
    order = stream(seed, "lm knowledge").permutation(len(facts))
    return [f"{BOS} {facts[i]} {EOS}" for i in order]


def ask(question: str, answer: str = "") -> str:
    """A question in the one form the LM has read: "question : what colour is the ring ? answer : red ."."""
    return f"question : {question} answer :" + (f" {answer} ." if answer else "")


def _descriptions(n: int, seed: int, rng: np.random.Generator) -> list[str]:
    if n == 0:
        return []
    drawn = scenes.generate(n, seed)
    first = scenes.captions(drawn)
    follow = [scenes.captions(drawn, seed)]
    follow += [scenes.statements(drawn, _after(seed, k)) for k in (0, 1)]
    follow += [[ask(*pair) for pair in scenes.questions(drawn, _after(seed, k))] for k in (0, 1)]
    order = rng.random((n, len(follow))).argsort(axis=1)
    return [" ".join([first[i], *(follow[k][i] for k in order[i])]) for i in range(n)]


def _captions(n: int, seed: int) -> list[str]:
    return scenes.captions(scenes.generate(n, seed)) if n else []


def _after(seed: int, k: int) -> int:
    return (seed + k) % 2**32
