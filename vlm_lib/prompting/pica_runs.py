"""PICa's arms on the drawings: which prompts each puts, and what the real language model says to them, kept.

A seed is another draw: of the questions, of the examples to choose from, and of the random ones. Chapter: 42_pica.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlm_lib.cache import cache_dir
from vlm_lib.data.emoji_questions import WORDINGS, Question, answers, balanced, every
from vlm_lib.evaluation.closed_list import AnswerScorer
from vlm_lib.prompting.pica import Shot, ensemble, groups, prompt, random_groups, similarity, vote
from vlm_lib.prompting.pica_eyes import Eyes, eyes
from vlm_lib.training.progress import progress
from vlm_lib.training.seeds import stream
from vlm_lib.training.threads import one_thread
from vlm_lib.zoo.pretrained import smollm2
from vlm_lib.zoo.store import cached

QUESTIONS, SHOTS, GROUPS, LONGEST = 16, 4, 5, 16
CHOICES = ("random", "by question", "by image", "by both", "the notes' rule")
VERSION = 1  # raised when the same prompts come to give other numbers: the scorer changed


@dataclass(frozen=True)
class Draw:
    """Questions about held-out drawings, and the pool of answered ones, about training drawings."""

    seed: int
    eyes: Eyes
    questions: list[Question]
    pool: list[Question]

    def scores(self, i: int, choice: str) -> Float[Tensor, " pool"]:
        """How well each example of the pool fits question i. "the notes' rule": its caption to the question."""
        asked = self.questions[i]
        words = self.eyes.wordings[asked.text]
        rows = [example.drawing for example in self.pool]
        if choice == "the notes' rule":
            return self.eyes.names[rows] @ words
        questions = torch.stack([self.eyes.wordings[example.text] for example in self.pool])
        image, by = self.eyes.images[asked.drawing], choice.removeprefix("by ")
        return similarity(words, image, questions, self.eyes.images[rows], by)

    def chosen(self, i: int, choice: str, shots: int = SHOTS, k: int = 1) -> Int[Tensor, "k shots"]:
        """Rows of the pool for k prompts about question i. Raises: ValueError for another choice, or too many."""
        if choice == "random":
            return random_groups(len(self.pool), shots, stream(self.seed, f"random examples {i}"))
        return groups(self.scores(i, choice), shots, k)

    def withheld(self, i: int, shots: int = SHOTS) -> Int[Tensor, "1 shots"]:
        """Chosen by both, after all examples with the right answer were taken out of the pool."""
        same = torch.tensor([example.answer == self.questions[i].answer for example in self.pool])
        return groups(self.scores(i, "by both").masked_fill(same, -9.0), shots)

    def examples(self, rows: Sequence[int]) -> list[Shot]:
        """Examples as a prompt shows them, each picture by its true name."""
        pool, names = self.pool, self.eyes.emoji.names
        return [Shot(names[pool[r].drawing], pool[r].text, pool[r].answer) for r in rows]

    def prompts(self, i: int, rows: Int[Tensor, "k shots"], context: str = "", of: int | None = None) -> list[str]:
        """k prompts that ask question i. context: a kind of words; of: another question's drawing is described."""
        drawing = self.questions[i if of is None else of].drawing
        seen = self.eyes.context(drawing, context) if context else self.eyes.context(drawing)
        return [prompt(self.examples(group), seen, self.questions[i].text) for group in rows.tolist()]


def draw(seed: int, questions: int = QUESTIONS) -> Draw:
    """The draw of a seed. Raises: ValueError for a bad seed; WeightsUnavailable."""
    seen = eyes()
    asked = balanced(seen.emoji.held_out, questions, seed)
    return Draw(seed, seen, asked, every(seen.emoji.train, seed))


def arms(drawn: Draw, i: int) -> dict[str, list[str]]:
    """Every arm's prompts about question i; "| other" describes the next question's drawing instead."""
    none, other = torch.empty(1, 0, dtype=torch.long), (i + 1) % len(drawn.questions)
    found = {
        "no examples": drawn.prompts(i, none),
        "no examples | other": drawn.prompts(i, none, of=other),
        "true name": drawn.prompts(i, none, "true name"),
        "answer withheld": drawn.prompts(i, drawn.withheld(i)),
        "ensemble": drawn.prompts(i, drawn.chosen(i, "by both", k=GROUPS)),
    }
    for choice in CHOICES:
        rows = drawn.chosen(i, choice)
        found[choice] = drawn.prompts(i, rows)
        found[f"{choice} | other"] = drawn.prompts(i, rows, of=other)
    for shots in (1, LONGEST):
        found[f"{shots} by both"] = drawn.prompts(i, drawn.chosen(i, "by both", shots))
    return found


def real_scorer() -> AnswerScorer:
    """SmolLM2-135M-Instruct. Raises: WeightsUnavailable."""
    lm = smollm2()
    return AnswerScorer(lm.model, lm.tokenizer)


def log_probs(
    asked: Mapping[str, str], load: Callable[[], AnswerScorer] = real_scorer
) -> dict[str, Float[Tensor, " answers"]]:
    """For each prompt, with the family of its answers: log p of every answer, asked once and then kept.

    They are asked in alphabetical order, so that neighbours share what they can. Raises: WeightsUnavailable.
    """
    prompts = sorted(asked)
    lists = [answers(asked[prompt]) for prompt in prompts]
    key = hashlib.sha256(json.dumps([VERSION, "SmolLM2-135M-Instruct", prompts, lists]).encode()).hexdigest()[:12]

    def build(_) -> tuple[dict[str, Tensor], dict]:
        score = load()
        with one_thread():
            return {"log_probs": torch.cat([score(*pair) for pair in zip(prompts, lists, strict=True)])}, {}

    flat = cached(cache_dir() / "zoo" / f"pica-{key}.safetensors", build)[0]["log_probs"]
    return dict(zip(prompts, flat.split([len(each) for each in lists]), strict=True))


@functools.cache
def answer_lengths() -> dict[str, Int[Tensor, " answers"]]:
    """How many tokens of the real language model each answer has, by family. Raises: WeightsUnavailable."""
    lists = {family: answers(family) for family in WORDINGS}
    key = hashlib.sha256(json.dumps(["SmolLM2-135M-Instruct", lists]).encode()).hexdigest()[:12]

    def build(_) -> tuple[dict[str, Tensor], dict]:
        scorer = real_scorer()
        return {f: torch.tensor([len(scorer.tokens(a)) for a in each]) for f, each in lists.items()}, {}

    return cached(cache_dir() / "zoo" / f"pica-lengths-{key}.safetensors", build)[0]


@dataclass(frozen=True)
class Run:
    """A draw and what the LM said: for each question, arm -> log p of each answer under each of its prompts."""

    draw: Draw
    log_probs: list[dict[str, Float[Tensor, "k answers"]]]

    def said(self, arm: str, rule: str = "sum", k: int = 1) -> list[str]:
        """The answer to each question, by the first k of an arm's prompts. Raises: ValueError for another rule."""
        questions = self.draw.questions
        best = [
            ensemble(found[arm][:k], answer_lengths()[question.family], rule)
            for question, found in zip(questions, self.log_probs, strict=True)
        ]
        return [answers(question.family)[i] for question, i in zip(questions, best, strict=True)]

    def voted(self, choice: str, shots: int = SHOTS, k: int = 1) -> list[str | None]:
        """The commonest fitting answer among the examples that k prompts show: no language model, no context."""
        rows = [self.draw.chosen(i, choice, shots, k) for i in range(len(self.draw.questions))]
        return [
            vote([self.draw.pool[r].answer for r in chosen.flatten().tolist()], answers(question.family))
            for question, chosen in zip(self.draw.questions, rows, strict=True)
        ]

    def commonest(self) -> list[str]:
        """For each question, the answer that its family has most often in the pool."""
        pool = self.draw.pool
        counts = {f: Counter(example.answer for example in pool if example.family == f) for f in WORDINGS}
        return [counts[question.family].most_common(1)[0][0] for question in self.draw.questions]

    def right(self, given: Sequence[str | None]) -> float:
        """The share of right ones among answers, one for each question."""
        questions = self.draw.questions
        return sum(a == q.answer for a, q in zip(given, questions, strict=True)) / len(questions)


def run(seed: int, questions: int = QUESTIONS) -> Run:
    """All arms of a seed, kept question by question; the first time takes minutes. Raises: as `draw`."""
    drawn, found = draw(seed, questions), []
    load = functools.cache(real_scorer)  # the model is loaded if a question is missing, and then once
    for i in progress(range(questions), f"PICa's prompts, seed {seed}, once"):
        put = arms(drawn, i)
        known = log_probs({p: drawn.questions[i].family for prompts in put.values() for p in prompts}, load)
        found.append({arm: torch.stack([known[p] for p in prompts]) for arm, prompts in put.items()})
    return Run(drawn, found)
