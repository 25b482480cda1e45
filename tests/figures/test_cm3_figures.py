"""Pictures of the chapter on CM3: the numbers that they draw."""

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch

from vlm_lib.figures import cm3


def test_strips_draw_every_token_and_mark_those_that_moved():
    rows = {"plain": ["large", "red", "7"], "masked": ["large", "<mask:0>", "7", "<mask:0>", "red"]}
    figure = cm3.strips(rows, moved={"plain": [1], "masked": [4]})
    boxes = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == 8
    widest = max(box.get_linewidth() for box in boxes)
    assert [i for i, box in enumerate(boxes) if box.get_linewidth() == widest] == [1, 7]
    colours = [box.get_facecolor() for box in boxes]
    assert colours[0] == colours[1] != colours[2] == colours[5]


def test_kept_by_tokens_draws_means_and_seeds():
    kept = {4: np.array([[0.2, 0.4, 0.6], [0.4, 0.4, 0.8]]), 16: np.ones((2, 3))}
    axes = cm3.kept_by_tokens(kept, ["shape", "colour", "size"], coarse=np.full((2, 3), 0.5))
    lines = {line.get_label(): line.get_ydata() for line in axes.lines if not line.get_label().startswith("_")}
    assert lines["shape"] == pytest.approx([0.3, 1.0])
    assert lines["size"] == pytest.approx([0.7, 1.0])


def test_gap_bars_are_as_high_as_the_shares():
    shares = {"guess": {"size": 0.5, "colour": 0.1}, "masked": {"size": 0.6, "colour": 0.4}}
    axes = cm3.gap_bars(shares, {"size": 0.5, "colour": 0.125})
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.1, 0.6, 0.4]


def test_usage_is_sorted_and_sums_to_one():
    axes = cm3.usage({"codes": np.array([1, 0, 3])})
    assert axes.lines[0].get_ydata() == pytest.approx([0.75, 0.25, 0.0])


def test_the_rest_is_drawn_with_what_it_was_given():
    assert cm3.architecture().axes[0].texts
    assert [bar.get_width() for bar in cm3.authors_fid({"CM3": 30.0, "other": 12.0}).patches] == [12.0, 30.0]
    assert cm3.coverage([0.1, 0.5]).lines[0].get_ydata() == pytest.approx([0.1, 0.5])
    pictures = {"real": np.zeros((3, 3, 4, 4)), "rebuilt": np.ones((3, 3, 4, 4))}
    assert len(cm3.pictures_by_arm(pictures).axes) == 6
