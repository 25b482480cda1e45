"""Pictures of the chapter on ClipCap: the numbers that they draw."""

import numpy as np
import pytest

from vlm_lib.figures import clipcap


def test_authors_scores_draws_a_bar_for_each_arm():
    axes = clipcap.authors_scores(
        {"frozen": {"MLP": 92.0, "transformer": 113.0}, "tuned": {"MLP": 108.0, "transformer": 110.0}}
    )
    assert [bar.get_height() for bar in axes.patches] == [92.0, 108.0, 113.0, 110.0]


def test_by_length_draws_means_seeds_and_the_blind():
    losses = {"frozen": {1: [1.0, 2.0], 4: [1.0, 1.0]}, "tuned": {1: [0.5, 0.5], 4: [0.2, 0.4]}}
    axes = clipcap.by_length(losses, {"frozen": 3.0, "tuned": 2.5})
    lines = {
        line.get_label(): list(line.get_ydata()) for line in axes.lines if not line.get_label().startswith("_")
    }
    assert lines["frozen"] == [1.5, 1.0]
    assert lines["tuned"] == pytest.approx([0.5, 0.3])
    assert lines["frozen, wrong pairs"] == [3.0, 3.0]


def test_trade_draws_every_arm_where_it_was_measured():
    axes = clipcap.trade({"mlp, frozen": (0.5, 0.7), "mlp, tuned": (0.2, 0.1)}, before=0.7, guess=0.3)
    points = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axes.lines[:2]]
    assert points == [(0.5, 0.7), (0.2, 0.1)]
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()


def test_captions_that_differ_from_the_truth_are_crossed():
    shown = clipcap.captioned(np.zeros((2, 3, 4, 4)), ["a ring .", "a star ."], {"m": ["a ring .", "a ring ."]})
    assert "✗" not in shown[0].get_title()
    assert "✗" in shown[1].get_title()


def test_alignment_has_a_panel_a_measure_and_a_dot_a_seed():
    figure = clipcap.alignment(
        {"CKA": {"before": [0.1, 0.2], "after": [0.3, 0.4]}, "loss": {"before": [1.0], "after": [0.5]}}
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["CKA", "loss"]
    assert list(figure.axes[0].lines[1].get_ydata()) == [0.3, 0.4]


def test_moved_and_nearest_draw_what_they_are_given():
    bars = clipcap.moved({"image": [1.0, 2.0], "word": [0.0, 3.0]}, ["a", "ring"]).patches
    assert [bar.get_height() for bar in bars] == [1.0, 2.0, 0.0, 3.0]
    texts = [t.get_text() for t in clipcap.nearest((3, 4), {"red": (1, 0)}).texts]
    assert {"red", "prefix vector"} <= set(texts)
    assert clipcap.architecture().axes[0].texts
    counts = [t.get_text() for t in clipcap.projectors().axes[0].texts]
    assert counts.count("144") == 3
