"""The book's plots show the numbers they are given."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from vlm_lib.figures import plots


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_style_is_opaque_and_colour_blind_safe():
    plots.use_style()
    assert to_rgb(plt.rcParams["savefig.facecolor"]) == to_rgb(plt.rcParams["axes.facecolor"]) == (1, 1, 1)
    assert plt.rcParams["savefig.transparent"] is False
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.OKABE_ITO)
    assert len(set(plots.OKABE_ITO)) == 8


@pytest.mark.parametrize("kind", ["uint8", "float", "numpy"])
def test_show_images_shows_the_pixels(kind):
    images = torch.randint(0, 256, (5, 3, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    given = {"uint8": images, "float": images / 255, "numpy": images.numpy()}[kind]
    shown = plots.show_images(given, ["a", "b", "c", "d", "e"], columns=3)
    assert [axes.get_title() for axes in shown] == ["a", "b", "c", "d", "e"]
    for axes, image in zip(shown, given, strict=True):
        assert np.array_equal(axes.images[0].get_array(), np.asarray(image).transpose(1, 2, 0))
    assert len(shown[0].figure.axes) == 6  # 2 rows of 3, the last one empty
    assert not shown[0].figure.axes[-1].images


@pytest.mark.parametrize(
    ("images", "titles", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), None, "images has shape"),
        (np.zeros((0, 3, 8, 8), np.uint8), None, "images has shape"),
        (np.full((1, 3, 8, 8), 2.0), None, "expected uint8 or floats from 0 to 1"),
        (np.full((1, 3, 8, 8), np.nan), None, "expected uint8 or floats from 0 to 1"),
        (np.zeros((2, 3, 8, 8), np.uint8), ["a"], "titles has 1 entries"),
    ],
)
def test_show_images_refuses_bad_input(images, titles, message):
    with pytest.raises(ValueError, match=message):
        plots.show_images(images, titles)


def test_mask_figure_fills_what_is_allowed():
    mask = torch.tensor([[True, False, False], [False, True, True]])
    axes = plots.mask_figure(mask, ["a", "b"], ["1", "2", "3"], title="Mask")
    cells = axes.collections[0].get_array().reshape(2, 3)
    assert np.array_equal(cells, mask.numpy().astype(int))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3"]
    assert axes.yaxis_inverted()  # the first token stands on top
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["may attend", "may not"]
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert axes.figure.get_suptitle() == "Mask"


@pytest.mark.parametrize(
    ("mask", "rows", "message"),
    [
        (np.ones((2, 2)), ["a", "b"], "mask has dtype float64"),
        (np.ones(2, bool), ["a", "b"], "expected booleans"),
        (np.ones((2, 2), bool), ["a"], r"expected \[1 2\]"),
    ],
)
def test_mask_figure_refuses_bad_input(mask, rows, message):
    with pytest.raises(ValueError, match=message):
        plots.mask_figure(mask, rows, ["1", "2"])


def test_spread_shows_every_seed_the_mean_and_the_baselines():
    arms = {"last image": [0.9, 0.8, 0.7], "all": [0.5, 0.5, 0.65]}
    axes = plots.spread(arms, metric="accuracy", baselines={"image-blind": 0.3})
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in dots] == list(arms.values())
    assert all(abs(line.get_xdata() - i).max() < 0.28 for i, line in enumerate(dots))
    bars = [bar.get_segments()[0] for bar in axes.collections]
    assert [bar[0][1] for bar in bars] == pytest.approx([0.8, 0.55])
    dashed = [line for line in axes.lines if line.get_marker() != "o"]
    assert [list(line.get_ydata()) for line in dashed] == [[0.3, 0.3]]
    assert [text.get_text() for text in axes.texts] == ["image-blind"]
    assert axes.get_ylabel() == "accuracy"
    assert axes.get_xlabel()


def test_a_legend_below_hides_no_data():
    plots.use_style()
    figure, axes = plt.subplots()
    for arm in range(5):
        axes.plot([0, 1], [0, 1], label=f"arm {arm}")
    legend = plots.legend_below(axes)
    figure.canvas.draw()
    assert [text.get_text() for text in legend.get_texts()] == [f"arm {arm}" for arm in range(5)]
    assert legend.get_window_extent().y1 <= axes.xaxis.get_tightbbox().y0
    assert legend.get_window_extent().y0 >= 0


def test_spread_draws_into_given_axes():
    _, axes = plt.subplots()
    assert plots.spread({"one": [0.5]}, metric="loss", axes=axes) is axes


@pytest.mark.parametrize(
    ("arms", "baselines", "message"),
    [
        ({}, None, "arms is empty"),
        ({"a": []}, None, "arm 'a' holds"),
        ({"a": [float("nan")]}, None, "arm 'a' holds"),
        ({"a": [0.5]}, {"b": float("inf")}, "arm 'b' holds"),
    ],
)
def test_spread_refuses_bad_input(arms, baselines, message):
    with pytest.raises(ValueError, match=message):
        plots.spread(arms, metric="accuracy", baselines=baselines)
