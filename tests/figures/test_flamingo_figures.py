"""Chapter 34's own pictures: the numbers that they draw, and that wrong captions are marked without colour too."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vlm_lib.figures import flamingo


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in (*axes.texts, axes.title)]


def test_architecture_shows_both_images_their_phi_and_the_gates():
    said = texts(flamingo.architecture())
    assert [f"image {n}" in said for n in (1, 2)] == [True, True]
    assert [said.count(f"φ={n}") for n in (1, 2)] == [2, 2]
    assert said.count("× tanh α") == said.count("× tanh β") == said.count("residuals") == 2


def test_ablation_bars_reach_from_the_baseline_to_each_score():
    axes = flamingo.authors_ablations({"a": 63.5, "b": 66.5}, 70.7)
    ends = {round(bar.get_x() + bar.get_width(), 6) for bar in axes.patches}
    assert ends == {63.5, 66.5}
    assert {bar.get_x() for bar in axes.patches} == {70.7}
    assert "63.5  (−7.2)" in texts(axes.figure)


def test_wrong_captions_are_framed_and_crossed_and_right_ones_are_not():
    images = np.zeros((3, 3, 8, 8), dtype=np.uint8)
    figure = flamingo.captioned(images, ["a", "b", "c"], [True, False, True], columns=2)
    shown = figure.axes[:3]
    assert [axes.get_title() for axes in shown] == ["a", "✗ b", "c"]
    assert [len(axes.patches) for axes in shown] == [0, 1, 0]
