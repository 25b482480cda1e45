"""Pictures of the chapter on Frozen: the numbers that they draw."""

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch

from vlm_lib.figures import frozen
from vlm_lib.training.memory import Memory


def test_architecture_trains_the_encoder_and_not_the_lm():
    figure = frozen.architecture()
    axes = figure.axes[0]
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    thick = {b.get_linewidth() for b in boxes if b.get_linewidth() > 2}
    assert len(thick) == 1
    texts = [t.get_text() for t in axes.texts]
    assert {"vision encoder", "linear map", "language model"} <= set(texts)


def test_authors_bars_are_as_high_as_the_numbers():
    axes = frozen.authors_bars({"frozen": (29.5, 35.7), "tuned": (24.0, 28.2)}, (0, 1))
    assert sorted(bar.get_height() for bar in axes.patches) == [24.0, 28.2, 29.5, 35.7]


def test_shots_curves_draw_means():
    axes = frozen.shots_curves({"frozen": np.array([[0.0, 0.4], [0.2, 0.6]])}, (0, 1))
    assert axes.lines[0].get_ydata() == pytest.approx([0.1, 0.5])


def test_trade_draws_every_seed():
    axes = frozen.trade({"frozen": (np.array([0.1, 0.2]), np.array([0.9, 1.0]))}, "named", "remembered")
    assert axes.lines[0].get_xdata().tolist() == [0.1, 0.2]
    assert axes.lines[0].get_ydata().tolist() == [0.9, 1.0]


def test_memory_bars_stack_up_to_the_total():
    axes = frozen.memory_bars({"both": Memory(1, 2, 3, 4), "none": Memory(5, 0, 0, 1)}, 1, "bytes")
    by_row = {}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        by_row[row] = by_row.get(row, 0) + bar.get_width()
    assert sorted(by_row.values()) == [6, 10]
