"""The chapter's pictures show the numbers that they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vlm_lib.figures import pica


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_architecture_names_every_part():
    words = {text.get_text().replace("\n", " ") for text in pica.architecture().axes[0].texts}
    assert {"picture", "captioner and tagger", "nearest examples of a pool", "language model"} <= words


def test_authors_bars_have_the_heights_of_the_table():
    axes = pica.authors({"caption": {"a": 42.0, "b": 46.9}, "caption, tags": {"a": 43.3, "b": 48.0}})
    assert [bar.get_height() for bar in axes.patches] == [42.0, 43.3, 46.9, 48.0]


def test_controls_stand_beside_their_arm_and_may_be_missing():
    rows = {"random": {"LM": [0.1, 0.3], "vote": [0.2, 0.2]}, "both": {"LM": [0.5, 0.7]}}
    axes = pica.with_controls(rows, across="right")
    large = [line for line in axes.lines if line.get_markersize() == 9]
    means = [float(np.mean(line.get_xdata())) for line in large]
    assert means == pytest.approx([0.2, 0.6, 0.2])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["random", "both"]


def test_curves_are_means_over_seeds():
    axes = pica.curves({"LM": {0: [0.2, 0.4], 16: [0.6, 0.6]}, "vote": {16: [0.5]}}, across="shots", up="right")
    assert list(axes.lines[0].get_ydata()) == pytest.approx([0.3, 0.6])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "16"]


def test_the_likeliest_answer_is_on_top():
    axes = pica.answers({"sea": -0.5, "sky": -3.0, "farm": -1.0}, "farm")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["sky", "farm", "sea"]
    assert axes.patches[-1].get_width() == -0.5


def test_every_way_to_choose_has_its_row():
    drawings = np.zeros((5, 3, 8, 8), dtype=np.uint8)
    axes = pica.chosen(drawings, {"random": [0, 1], "both": [3, 4]}, {i: f"thing {i}" for i in range(5)})
    assert [one.get_title().strip() for one in axes] == ["random\nthing 0", "thing 1", "both\nthing 3", "thing 4"]


def test_what_is_asked_stands_over_its_drawing():
    drawings = np.zeros((3, 3, 8, 8), dtype=np.uint8)
    axes = pica.asked(drawings, [(2, "Where is it?", "sea", "fish. crab"), (0, "What is it?", "mammal", "cat")])
    assert [one.get_title().split("\n")[1] for one in axes] == ["(sea)", "(mammal)"]
    assert "“fish. crab”" in axes[0].get_title()
