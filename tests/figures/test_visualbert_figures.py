"""The figures of the VisualBERT chapter show the numbers, boxes and words that they are given."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.patches import Rectangle

from vlm_lib.data.captioned_regions import captioned_regions
from vlm_lib.figures import visualbert as pictures


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    return captioned_regions(4, 0)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_the_diagram_names_all_six_embeddings():
    (axes,) = pictures.architecture().axes
    for name in ("e_t", "e_s", "e_p", "f_o", "f_s", "f_p"):
        assert f"${name}$" in texts(axes)
    assert texts(axes).count("$f_o$") == 2


def test_bars_reach_from_the_baseline_to_the_scores():
    axes = pictures.authors_ablation({"a": 61.4, "b": 64.9}, 66.7, "accuracy")
    ends = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    assert ends == [pytest.approx((66.7, 61.4)), pytest.approx((66.7, 64.9))]
    assert texts(axes) == ["64.9  (−1.8)", "61.4  (−5.3)"]


def test_frames_stand_where_the_boxes_are_and_are_solid_around_objects(data):
    figure = pictures.with_boxes(data)
    for i in range(4):
        frames = [patch for patch in figure.axes[i].patches if isinstance(patch, Rectangle)]
        drawn = torch.tensor([[f.get_x(), f.get_y(), f.get_width(), f.get_height()] for f in frames])
        left, top, right, bottom = data.boxes[i].unbind(-1)
        torch.testing.assert_close(drawn, torch.stack([left - 0.5, top - 0.5, right - left, bottom - top], dim=-1))
        named = (data.regions.words[i] >= 0).any(dim=-1).tolist()
        assert [frame.get_linestyle() == "-" for frame in frames] == named
        assert " ".join(figure.axes[i].texts[0].get_text().split()).startswith("a ")


def test_attention_is_written_into_the_boxes(data):
    weights = torch.tensor([[0.5, 0.25, 0.1, 0.0]] * 4)
    figure = pictures.attention_to_regions(data, ["red", "blue", "green", "pink"], weights)
    assert texts(figure.axes[1]) == ["50%", "25%", "10%", "0%", "masked: blue"]


def test_every_seed_is_a_dot_in_the_row_of_its_arm():
    right = {"one": {"colour": [0.9, 0.8], "side": [1.0, 1.0]}, "two": {"colour": [0.1, 0.2], "side": [0.5, 0.4]}}
    figure = pictures.by_kind(right, {"colour": 0.125, "side": 0.5})
    for axes, kind in zip(figure.axes, ("colour", "side"), strict=True):
        chance, *rows = axes.lines
        assert chance.get_xdata()[0] == {"colour": 0.125, "side": 0.5}[kind]
        assert [list(row.get_xdata()) for row in rows] == [right[arm][kind] for arm in right]
        assert [set(row.get_ydata()) for row in rows] == [{0}, {1}]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["one", "two"]


def test_curves_hold_their_values_and_mark_the_noise_of_training():
    axes = pictures.against_noise({"colour": [1, 0.9], "side": [1, 0.5]}, [0, 6], trained=1.5)
    colour, side, trained = axes.lines
    assert list(colour.get_ydata()) == [1, 0.9]
    assert list(side.get_xdata()) == [0, 6]
    assert trained.get_xdata()[0] == 1.5
