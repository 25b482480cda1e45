"""Questions about drawings: answers that are listed fit real drawings, draws are balanced and repeatable."""

from collections import Counter

import numpy as np
import pytest

from vlm_lib.data import emoji_questions as questions
from vlm_lib.data.openmoji_metadata import records

EVERY = np.arange(len(records()))
BY_NAME = {record.name: record for record in records()}


@pytest.mark.parametrize(
    ("family", "name", "answer"),
    [
        ("kind", "lion", "mammal"),
        ("kind", "spider", None),
        ("kind", "owl", "bird"),
        ("kind", "feather", None),
        ("where", "lobster", "sea"),
        ("where", "pig", "farm"),
        ("where", "lion", None),
        ("use", "cucumber", "eat"),
        ("use", "taxi", "drive"),
        ("use", "metro", None),
        ("use", "trumpet", "make music"),
    ],
)
def test_answers_that_anybody_would_give(family, name, answer):
    assert questions.right_answer(family, BY_NAME[name]) == answer


def test_every_listed_name_and_subgroup_exists():
    known = set(BY_NAME) | {record.subgroup for record in records()}
    listed = {
        word.removeprefix("-") for family in questions._RIGHT.values() for each in family.values() for word in each
    }
    assert listed <= known


@pytest.mark.parametrize("family", questions.WORDINGS)
def test_every_answer_is_right_for_a_drawing_and_begins_no_other(family):
    given = Counter(questions.right_answer(family, record) for record in records())
    listed = questions.answers(family)
    assert set(listed) == set(given) - {None}
    assert not [(a, b) for a in listed for b in listed if a != b and b.startswith(a)]


def test_every_question_that_has_an_answer_is_there_once():
    drawn = questions.every(EVERY, 3)
    asked = [(question.drawing, question.family) for question in drawn]
    assert len(set(asked)) == len(asked)
    fitting = {(r, f) for r in EVERY for f in questions.WORDINGS if questions.right_answer(f, records()[r])}
    assert set(asked) == fitting
    for question in drawn:
        assert question.answer == questions.right_answer(question.family, records()[question.drawing])
    assert {question.text for question in drawn} == {text for ts in questions.WORDINGS.values() for text in ts}
    assert drawn == questions.every(EVERY, 3)
    assert drawn != questions.every(EVERY, 4)


def test_balanced_draws_ask_for_no_answer_much_more_often():
    drawn = questions.balanced(EVERY, 120, 0)
    assert len({question.drawing for question in drawn}) == 120
    per_answer = Counter((question.family, question.answer) for question in drawn)
    assert len(per_answer) > 35
    assert max(per_answer.values()) < 12  # in the data, one answer has a hundred drawings, another four


def test_more_questions_than_drawings_are_refused():
    with pytest.raises(ValueError, match="count: got 3, expected at most 2"):
        questions.balanced(np.array([r for r in EVERY if records()[r].name in ("lion", "owl")]), 3, 0)
    with pytest.raises(ValueError, match="family"):
        questions.answers("colour")
