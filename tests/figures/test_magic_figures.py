"""Pictures of the chapter on MAGiC: the numbers that they draw."""

import numpy as np
import pytest
import torch

from vlm_lib.decoding.magic import Step, Weights
from vlm_lib.figures import magic

STEP = Step(torch.tensor([5, 6]), torch.tensor([0.6, 0.2]), torch.tensor([0.9, 0.1]), torch.tensor([0.0, 1.0]), 1)


def test_architecture_names_the_three_terms():
    words = " ".join(text.get_text() for text in magic.architecture().axes[0].texts)
    for part in ("language model", "probability", "earlier states", "softmax", "largest wins"):
        assert part in words


def test_authors_bars_are_their_values():
    assert [bar.get_width() for bar in magic.authors_scores({"with": 49.3, "without": 7.7}).patches] == [49.3, 7.7]


def test_softmaxes_are_groups_of_bars():
    bars = magic.softmaxes([0.1, 0.3], {1: [0.45, 0.55], 100: [0.0, 1.0]}).patches
    assert [bar.get_height() for bar in bars] == [0.45, 0.55, 0.0, 1.0]


def test_bars_are_the_weighted_terms_the_winner_on_top():
    figure = magic.step_bars([STEP], [["wind", "boat"]], Weights(2, 0.5, 2.0, 3.0))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["boat", "wind"]
    clip = 2 * np.exp([0.0, 3.0]) / np.exp([0.0, 3.0]).sum()
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([0.1, clip[1], -0.05, 0.3, clip[0], -0.45], abs=1e-6)


def test_told_ticks_what_is_right():
    images = np.zeros((2, 3, 4, 4), dtype=np.uint8)
    axes = magic.told(images, ["cat", "dog"], {"lm": ["a cat", "a cat"]}, right={"lm": [True, False]})
    assert [a.get_title() for a in axes] == ["(cat)\nlm: ✓ a cat", "(dog)\nlm: a cat"]


def test_sweep_draws_every_scale_and_the_reference():
    figure = magic.sweep(
        {"F1": {1.0: {0.5: 0.2, 2.0: 0.4}, 23.0: {0.5: 0.6, 2.0: 0.7}}}, reference={"F1": 0.9}, line="r"
    )
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [[0.2, 0.4], [0.6, 0.7], [0.9, 0.9]]


def test_reach_draws_means_and_seeds():
    axes = magic.reach({"a": {4: [0.2, 0.4], 8: [1.0, 1.0]}}, "pink")
    assert list(axes.lines[0].get_ydata()) == pytest.approx([0.3, 1.0])
    assert list(axes.lines[1].get_ydata()) == [0.2, 0.4]


def test_speeds_draw_a_bar_for_each_way():
    figure = magic.speeds({"tiny": {"plain": 2.0, "batched": 9.0}})
    assert [bar.get_width() for bar in figure.axes[0].patches] == [2.0, 9.0]
