"""Building the zoo in two processes: every result arrives, in order, and a failure is told."""

import os

import pytest

from vlm_lib.zoo.__main__ import side_by_side


def one():
    return "one", os.getpid()


def two():
    return "two", os.getpid()


def broken():
    raise ValueError("no such tower")


def test_results_come_in_the_order_of_the_builders_from_other_processes():
    results = side_by_side([one, two, one], 2)
    assert [name for name, _ in results] == ["one", "two", "one"]
    assert os.getpid() not in {process for _, process in results}


def test_a_builder_that_fails_fails_the_whole():
    with pytest.raises(ValueError, match="no such tower"):
        side_by_side([one, broken], 2)
