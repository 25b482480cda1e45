"""Scenes as token ids: captions that begin with <bos> and end with <eos>, questions that end with their answer.

Chapter: 12_simvlm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from vlm_lib.data import scenes


@dataclass(frozen=True)
class Asked:
    """Questions with their answers: the first `kept` words are the question, then come the answer and <eos>."""

    texts: list[list[int]]
    kept: list[int]


def as_texts(tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]) -> list[list[int]]:
    """Token ids between <bos> and <eos>."""
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    return [[begin, *words, end] for words in tokenizer(list(sentences)).input_ids]


def ask(tokenizer: PreTrainedTokenizerBase, of: scenes.Scenes, seed: int) -> Asked:
    """One random question for each scene."""
    asked = scenes.questions(of, seed)
    questions = tokenizer([question for question, _ in asked]).input_ids
    texts = as_texts(tokenizer, [f"{question} {answer}" for question, answer in asked])
    return Asked(texts, [1 + len(question) for question in questions])


def caption_and_question(tokenizer: PreTrainedTokenizerBase, of: scenes.Scenes, seed: int) -> list[list[int]]:
    """Text alone: a caption, a question that it answers, and the answer."""
    asked = scenes.questions(of, seed)
    captions = scenes.captions(of)
    return as_texts(tokenizer, [f"{c} {q} {a}" for c, (q, a) in zip(captions, asked, strict=True)])
