"""Pictures of the chapter on VisualGPT: the numbers that they draw."""

import numpy as np
import pytest

from vlm_lib.figures import visualgpt

SHARES = {"language only": 0.1, "both": 0.6, "vision only": 0.3, "neither": 0.0}


def test_architecture_names_both_gates_and_their_number():
    words = " ".join(text.get_text() for text in visualgpt.architecture().axes[0].texts)
    for part in ("cross-attention", "image gate", "text gate", "one number h"):
        assert part in words


def test_curves_are_drawn_with_a_gap_at_a_jump():
    number = np.linspace(-1, 1, 5)
    step = np.array([0, 0, 0.4, 0.45, 0.5])
    curves = {"kind": {"image": step, "text": 1 - step, "image slope": step, "text slope": -step}}
    drawn = visualgpt.gate_curves(curves, number).axes[0].lines[0].get_ydata()
    assert np.isnan(drawn).tolist() == [False, False, True, False, False]


def test_paths_mark_where_the_gate_shuts():
    figure = visualgpt.paths({"task": {"a": [-2.0, -1.0], "b": [-2.0, -2.0]}}, shut_below=-1.4)
    assert set(figure.axes[0].lines[0].get_ydata()) == {-1.4}
    assert list(figure.axes[0].lines[1].get_ydata()) == [-2.0, -1.0]


def test_losses_are_drawn_by_mean_and_by_seed():
    arms = {"plain": {8: [1.0, 2.0], 80: [0.5, 0.5]}, "few": {80: [0.75, 0.5]}}
    left, right = visualgpt.by_captions(arms, blind=3.0).axes
    assert list(left.lines[0].get_ydata()) == [1.5, 0.5]
    assert list(left.lines[1].get_ydata()) == [1.0, 2.0]
    assert set(left.lines[-1].get_ydata()) == {3.0}
    assert list(right.lines[-1].get_ydata()) == [0.25, 0.0]
    assert [label.get_text() for label in left.get_xticklabels()] == ["8", "80"]


def test_gains_and_remains_are_drawn_as_given():
    axes = visualgpt.gains({"COCO": {"0.1 %": 2.2, "1 %": 0.4}}, xlabel="share")
    assert list(axes.lines[0].get_ydata()) == [2.2, 0.4]
    axes = visualgpt.remains(np.arange(3), {"plain": np.array([0.0, 0.1, 0.2])})
    assert list(axes.lines[0].get_ydata()) == [0.0, 0.1, 0.2]


def test_units_stack_to_one_hundred():
    axes = visualgpt.units({"block 1": SHARES})
    widths = [bar.get_width() for bar in axes.patches]
    assert sum(widths) == pytest.approx(100)
    assert widths[0] == pytest.approx(10)


def test_trade_draws_seeds_and_means():
    axes = visualgpt.trade({"plain": [(0.2, 0.4), (0.4, 0.8)]}, before=0.9, guess=0.1)
    means = {line.get_label(): line.get_xydata()[0] for line in axes.lines}
    assert means["plain"] == pytest.approx([0.3, 0.6])
