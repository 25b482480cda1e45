"""48 drawn things of twelve kinds, what an LM may read about them, and naming games with made-up words.

Names, kinds and tags are OpenMoji's (CC BY-SA 4.0). Every text has the form "subject : sentence ...", so that an
image can stand where a name stands. Chapter: 21_frozen.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from vlm_lib.checks import check_at_least
from vlm_lib.data.openmoji_metadata import Record, records
from vlm_lib.data.tokenizer import BOS, EOS, IMAGE, PAD, UNK
from vlm_lib.training.seeds import stream

KINDS = {
    "animal mammal": "mammal",
    "animal bird": "bird",
    "animal bug": "bug",
    "plant flower": "flower",
    "food fruit": "fruit",
    "food vegetable": "vegetable",
    "food sweet": "sweet",
    "drink": "drink",
    "musical instrument": "instrument",
    "tool": "tool",
    "clothing": "clothing",
    "sport": "sport",
}
PER_KIND, WITHHELD_PER_KIND = 4, 1
MADE_UP = (
    *("dax", "blicket", "wug", "fep", "toma", "zav", "kiki", "bouba"),
    *("gazzer", "modi", "koba", "pilk", "snerp", "tulver", "vorp", "ziff"),
)
QUESTIONS = {"name": "it is called", "kind": "it is a kind of", "about": "it is about"}


@dataclass(frozen=True)
class Thing:
    """`row`: its drawing's place in `openmoji.load().images`; `about`: two tags that do not repeat its name."""

    row: int
    name: str
    kind: str
    about: tuple[str, str]

    def answer(self, question: str) -> str:
        """The first word that answers one of `QUESTIONS`."""
        return {"name": self.name.split()[0], "kind": self.kind, "about": self.about[0]}[question]

    def subject(self, rng: np.random.Generator) -> str:
        """What a text calls it before saying more: its name, or its two tags in either order.

        A text whose subject is always the name teaches an LM to copy the name; from tags it has to know it.
        """
        return (self.name, " ".join(self.about), " ".join(self.about[::-1]))[rng.integers(3)]

    def sentences(self) -> list[str]:
        """All that the knowledge base says, as sentences that may follow "subject :"."""
        ends = (self.name, self.kind, " and ".join(self.about))
        return [f"{begin} {end} ." for begin, end in zip(QUESTIONS.values(), ends, strict=True)]


@functools.cache
def things() -> tuple[Thing, ...]:
    """Four of each kind: short names first, and no name that holds its kind or is somebody's face."""
    chosen = []
    for subgroup, kind in KINDS.items():
        fitting = [
            Thing(row, record.name, kind, about)
            for row, record in enumerate(records())
            if record.subgroup == subgroup and (about := _about(record, kind)) and _plain(record.name, kind)
        ]
        chosen += sorted(fitting, key=lambda thing: len(thing.name.split()))[:PER_KIND]
    return tuple(chosen)


@functools.cache
def withheld() -> tuple[int, ...]:
    """The things, one of each kind, that an LM reads about and no caption ever shows; all others are captioned."""
    rng = stream(0, "withheld things")
    starts = range(0, len(things()), PER_KIND)
    return tuple(
        start + int(k) for start in starts for k in np.sort(rng.permutation(PER_KIND)[:WITHHELD_PER_KIND])
    )


def captioned() -> tuple[int, ...]:
    """The things whose pictures have captions."""
    return tuple(sorted(set(range(len(things()))) - set(withheld())))


def other_facts(seed: int = 0) -> tuple[Thing, ...]:
    """The same drawings and names with kinds and tags dealt out anew: each thing gets those of another kind."""
    rng, known = stream(seed, "other facts"), things()
    shift = 1 + int(rng.integers(len(KINDS) - 1))
    donors = [(i // PER_KIND + shift) % len(KINDS) * PER_KIND + i % PER_KIND for i in range(len(known))]
    return tuple(Thing(t.row, t.name, known[d].kind, known[d].about) for t, d in zip(known, donors, strict=True))


def fact_text(thing: Thing, rng: np.random.Generator) -> str:
    """A document about one thing: "<bos> lion : it is a kind of mammal . ...", subject and order as they fall."""
    said = thing.sentences()
    return " ".join([BOS, thing.subject(rng), ":", *(said[i] for i in rng.permutation(len(said))), EOS])


def game_text(among: Sequence[Thing], rng: np.random.Generator, lines: int) -> str:
    """A naming game: two to four of the things get made-up words, and `lines` lines use them in a random order.

    "<bos> lion dax . harp fep . lion dax . ... <eos>"; a thing keeps its subject throughout.
    """
    players = int(rng.integers(2, 5))
    called = [among[i].subject(rng) for i in rng.permutation(len(among))[:players]]
    words = [MADE_UP[i] for i in rng.permutation(len(MADE_UP))[:players]]
    turns = rng.integers(players, size=check_at_least("lines", lines, 1))
    return " ".join([BOS, *(f"{called[t]} {words[t]} ." for t in turns), EOS])


def list_text(rng: np.random.Generator) -> str:
    """A list of words in any order, said twice: what came after a word comes after it again.

    Five to twenty words: were lists equally long, an LM could count places and need not look for the word.
    """
    words = [word for thing in things() for word in thing.name.split()] + list(MADE_UP)
    said = [words[i] for i in rng.permutation(len(words))[: rng.integers(5, 21)]]
    return " ".join([BOS, *said, *said, EOS])


@functools.cache
def things_tokenizer() -> PreTrainedTokenizerFast:
    """A token is a word: special ones first, then made-up words, then all others in alphabetical order."""
    words = {word for thing in things() for text in (thing.name, *thing.sentences()) for word in text.split()}
    ordered = [PAD, UNK, BOS, EOS, IMAGE, ":", *MADE_UP]
    ordered += sorted(words - set(ordered))
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(ordered)}, unk_token=UNK))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        unk_token=UNK,
        bos_token=BOS,
        eos_token=EOS,
        additional_special_tokens=[IMAGE],
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )


def _about(record: Record, kind: str) -> tuple[str, str] | None:
    """The two tags that fewest emoji share, so that a tag tells things of one kind apart."""
    new = {tag for tag in record.tags if tag.isalpha() and len(tag) > 2 and tag not in record.name and tag != kind}
    rarest = sorted(new, key=lambda tag: (_tag_counts()[tag], tag))
    return (rarest[0], rarest[1]) if len(rarest) >= 2 else None


@functools.cache
def _tag_counts() -> Counter[str]:
    return Counter(tag for record in records() for tag in record.tags)


def _plain(name: str, kind: str) -> bool:
    words = name.split()
    return len(words) <= 2 and "face" not in words and kind not in words and name.replace(" ", "").isalpha()
