"""Multiple-choice questions with feedback for every option, without a kernel. Chapters: every one."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape

from vlm_lib.figures.html import inline_code
from vlm_lib.interactive.figure import Html, figure


@dataclass(frozen=True)
class Option:
    """One answer and what a reader who chose it should hear. Words between backticks are shown as code."""

    text: str
    correct: bool
    feedback: str


@dataclass(frozen=True)
class Question:
    """A question with two or more options, of which exactly one is correct.

    Raises `ValueError` for an empty text or feedback, fewer than two options, two options alike, or any number of
    correct options but one.
    """

    text: str
    options: Sequence[Option]

    def __post_init__(self):
        texts = [option.text for option in self.options]
        correct = sum(option.correct for option in self.options)
        if not self.text.strip():
            raise ValueError("text of a question is empty")
        if len(texts) < 2 or len(set(texts)) < len(texts):
            raise ValueError(f"options of {self.text!r} are {texts}, expected two or more that differ")
        if correct != 1:
            raise ValueError(f"options of {self.text!r} hold {correct} correct ones, expected exactly one")
        for option in self.options:
            if not option.text.strip() or not option.feedback.strip():
                raise ValueError(f"options of {self.text!r}: {option.text!r} needs a text and a feedback")


def quiz(questions: Sequence[Question]) -> Html:
    """Three to five questions; the answer to each stands in a folded part where scripts are off.

    Options are shown in an order that depends on their texts alone, so that it makes no difference where a right
    one stands in the source. Raises `ValueError` for another number of questions, or two alike.
    """
    texts = [question.text for question in questions]
    if not 3 <= len(texts) <= 5:
        raise ValueError(f"questions has {len(texts)} entries, expected 3 to 5")
    if len(set(texts)) < len(texts):
        raise ValueError(f"questions are {texts}, expected them to differ")
    questions = _shuffled(questions)
    return figure(
        "quiz",
        config={"questions": [asdict(question) for question in questions]},
        static=f"<ol>{''.join(map(_static, questions))}</ol>",
        alt=f"Quiz of {len(texts)} questions",
    )


def _shuffled(questions: Sequence[Question]) -> list[Question]:
    """The questions with their options in the order of a hash, and the right ones not all in one place."""

    def order(salt: int, question: Question) -> list[Option]:
        texts = f"{salt} {question.text} "
        return sorted(question.options, key=lambda o: hashlib.sha256((texts + o.text).encode()).digest())

    def places(shuffled: Sequence[Question]) -> set[int]:
        return {[option.correct for option in question.options].index(True) for question in shuffled}

    orders = ([replace(q, options=order(salt, q)) for q in questions] for salt in itertools.count())
    return next(shuffled for shuffled in orders if len(places(shuffled)) > 1)


def _static(question: Question) -> str:
    options = "".join(f"<li>{inline_code(option.text)}</li>" for option in question.options)
    answers = "".join(
        f"<li><strong>{'Right' if option.correct else 'Wrong'}:</strong> {inline_code(option.text)}. "
        f"{inline_code(option.feedback)}</li>"
        for option in question.options
    )
    name = escape(question.text)
    return (
        f"<li><p>{inline_code(question.text)}</p><ul>{options}</ul>"
        f'<details><summary aria-label="Answer to: {name}">Answer</summary><ul>{answers}</ul></details></li>'
    )
