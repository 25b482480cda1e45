"""The chapter's pictures hold the numbers and words that they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vlm_lib.figures import merlot


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_architecture_names_all_three_questions():
    words = " ".join(texts(merlot.architecture().axes[0]))
    for question in ("which frame\ncomes first?", "which word\nwas masked?", "which line goes"):
        assert question in words


def test_films_show_every_frame_with_its_line():
    figure = merlot.films(
        np.zeros((2, 4, 3, 8, 8), np.uint8), ["grows", "falls"], [["so it is tiny a b c"] * 4] * 2
    )
    assert len(figure.axes) == 8
    assert figure.axes[4].get_ylabel() == "falls"
    assert figure.axes[0].get_xlabel() == "so it is tiny\na b c"


def test_relations_leave_what_is_not_asked_empty():
    matrix = np.array([[np.nan, 0.9], [0.2, np.nan]])
    left, right = merlot.relations({"own": matrix, "other": 1 - matrix})
    assert (texts(left), texts(right)) == (["0.90", "0.20"], ["0.10", "0.80"])
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["own", "other"]


def test_places_shade_what_is_hidden():
    axes = merlot.places([[0, 5], [4, 1]], told=4)
    assert texts(axes) == ["0", "5", "4", "1"]
    assert axes.collections[0].get_array().ravel().tolist() == [False, True, True, False]


def test_attended_fills_the_chosen_words_and_dots_the_visual_ones():
    axes = merlot.attended(["so", "red"], [1.0, 2.0], [False, True], [False, True])
    assert [patch.get_height() for patch in axes.patches] == [1.0, 2.0]
    assert [patch.get_facecolor()[3] for patch in axes.patches] == [0.0, 1.0]
    assert texts(axes) == ["", "•"]


def test_plane_and_bars_hold_their_values():
    axes = merlot.plane({"video": [(0.5, 0.6), (0.7, 0.8)]}, across="x", up="y", chance=(0.5, 0.2))
    assert axes.lines[1].get_xydata()[0] == pytest.approx([0.6, 0.7])
    bars = merlot.by_script({"own": {"grows": 0.9, "falls": 0.8}}, chance=0.5, ylabel="share")
    assert [patch.get_height() for patch in bars.patches] == [0.9, 0.8]


def test_told_has_a_dot_and_its_number_for_each_value():
    axes = merlot.told({"data": {"a": 58.9, "b": 75.2}, "losses": {"c": 57.5}}, xlabel="accuracy")
    assert [line.get_xdata()[0] for line in axes.lines] == [58.9, 75.2, 57.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert texts(axes) == ["data", "58.9", "75.2", "losses", "57.5"]
