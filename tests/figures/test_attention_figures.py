"""The attention chapter's figures show the masks and weights that they are given, and refuse others."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from vlm_lib.figures.attention import Panel, attention_panels, weights_over_images


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def contrast_on_white(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def test_panels_fill_what_is_allowed_and_mark_who_answers():
    own = np.tril(np.ones((3, 3), dtype=bool))
    cross = np.array([[True, False]])
    first, second = attention_panels(
        [Panel("self", "abc", "abc", own), Panel("pooling", ["query"], ["t1", "t2"], cross, "times the gate")]
    )
    assert first.collections[0].get_array().reshape(3, 3).tolist() == own.astype(int).tolist()
    assert second.collections[0].get_array().reshape(1, 2).tolist() == [[1, 0]]
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b", "c"]
    colours = [{label.get_color() for label in axes.get_xticklabels()} for axes in (first, second)]
    assert len(colours[0]) == len(colours[1]) == 1
    assert colours[0] != colours[1]
    assert contrast_on_white(colours[1].pop()) >= 4.5
    assert second.get_xlabel() == "answers; times the gate"
    assert first.get_xlabel() == "answers"
    assert not first.figure.axes[2].axison  # the third place of the row stays empty


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "panels is empty"),
        ([Panel("p", "ab", "ab", np.ones((2, 2)))], "mask of panel 'p' has dtype float64"),
        ([Panel("p", "ab", "abc", np.ones((2, 2), dtype=bool))], r"expected booleans of shape \[2, 3\]"),
    ],
)
def test_panels_refuse_bad_input(panels, message):
    with pytest.raises(ValueError, match=message):
        attention_panels(panels)


def test_weights_are_written_over_their_tokens():
    images = np.zeros((2, 3, 8, 8), dtype=np.uint8)
    weights = np.array([[[0.5, 0.25], [0.25, 0.0]], [[0.1, 0.2], [0.3, 0.4]]])
    shown = weights_over_images(images, weights, ["a", "b"])
    assert [axes.get_title() for axes in shown] == ["a", "b"]
    assert [text.get_text() for text in shown[1].texts] == ["10", "20", "30", "40"]
    assert shown[1].texts[1].get_position() == (6, 2)  # row 0, column 1 of 4-pixel tokens
    assert [text.get_text() for text in shown[0].texts] == ["50", "25", "25"]  # nothing is written for nothing
    widths = [patch.get_linewidth() for patch in shown[0].patches]
    assert widths[0] > widths[1] == widths[2] > 0
    assert all(text.get_fontsize() >= 9 for axes in shown for text in axes.texts)


@pytest.mark.parametrize(
    ("images", "weights", "titles", "message"),
    [
        (np.zeros((1, 3, 8, 8)), np.full((1, 2, 2), 0.25), ["a"], "images has dtype float64"),
        (np.zeros((1, 3, 8, 8), np.uint8), np.full((2, 2, 2), 0.25), ["a"], "weights has shape"),
        (np.zeros((1, 3, 8, 8), np.uint8), np.full((1, 2, 2), 0.25), ["a", "b"], "titles 2 entries"),
        (np.zeros((1, 3, 8, 8), np.uint8), np.full((1, 2, 2), 0.5), ["a"], "do not sum to 1"),
        (np.zeros((1, 3, 8, 8), np.uint8), np.array([[[1.5, -0.5]]]), ["a"], "negative"),
    ],
)
def test_weights_refuse_bad_input(images, weights, titles, message):
    with pytest.raises(ValueError, match=message):
        weights_over_images(images, weights, titles)
