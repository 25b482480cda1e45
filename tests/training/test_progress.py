"""Progress is a bar for a person, two lines for a log, and nothing where outputs are stored."""

import sys

import pytest

from vlm_lib.training.progress import progress


@pytest.fixture
def log(monkeypatch, capsys):
    """What a run prints, where standard error is no terminal."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    return lambda: capsys.readouterr()


def test_a_log_gets_a_line_at_the_start_and_one_at_the_end(log):
    steps = progress(range(1000), "arms")
    for step in steps:
        steps.set_postfix(loss=f"{step}")
    out, err = log()
    assert out == ""
    first, last = err.splitlines()
    assert first == "arms: 1000 steps"
    assert last.startswith("arms: done in 0 s")
    assert last.endswith("loss 999")


def test_a_resumed_run_counts_what_is_left(log):
    list(progress(range(40, 60), "model", initial=40, total=60))
    assert "model: 20 steps" in log().err


@pytest.mark.parametrize(("title", "disable"), [(None, "0"), ("arms", "1")])
def test_nothing_is_shown_without_a_title_or_where_it_is_switched_off(log, monkeypatch, title, disable):
    monkeypatch.setenv("TQDM_DISABLE", disable)
    assert list(progress([3, 1, 2], title)) == [3, 1, 2]
    assert log() == ("", "")


def test_a_terminal_gets_a_bar(log, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(progress(range(30), "arms"))
    assert "30/30" in log().err


def test_an_error_inside_the_loop_comes_through_and_no_end_is_claimed(log):
    with pytest.raises(ZeroDivisionError):
        [1 / (1 - step) for step in progress(range(3), "arms")]
    assert "done" not in log().err
