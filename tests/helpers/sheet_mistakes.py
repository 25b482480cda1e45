"""What the tests of every sheet's checkers share: each known mistake is named, and nonsense gets a message."""

import pytest
import torch

NONSENSE = pytest.mark.parametrize(
    "answer",
    [None, 3, lambda *_: None, lambda *_: "text", lambda *_: torch.zeros(2), lambda *_: 1 / 0, lambda: None],
    ids=["none", "number", "gives-none", "gives-text", "wrong-shape", "raises", "no-arguments"],
)


def known(tables):
    """A parameter (check, mistake) for each mistake of [(check, mistakes)]."""
    return [
        pytest.param(check, mistake, id=f"{check.__name__}-{mistake.name}")
        for check, table in tables
        for mistake in table
    ]


def assert_named(check, mistake, seed):
    """The checker gives a known mistake its own diagnosis and no other."""
    report = check(mistake.wrong, seed=seed)
    assert not report.passed
    assert report.messages == (mistake.message,)


def assert_answers_nonsense(check, answer):
    """An answer of any kind gets a message, and never an error of the checker."""
    report = check(answer)
    assert not report.passed
    assert all(report.messages)
