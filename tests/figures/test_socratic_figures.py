"""The chapter's figures show what they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from vlm_lib.figures import socratic


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_the_architecture_names_its_three_steps_and_two_models():
    shown = " ".join(words(socratic.architecture().axes[0]))
    for part in ("1 propose", "2 write", "3 re-rank", "eyes", "language model"):
        assert part in shown


def test_bars_carry_their_values():
    axes = socratic.bars({"a": 1.25, "b": 3.0}, "CIDEr")
    assert words(axes) == ["1.2", "3.0"]
    assert [bar.get_width() for bar in axes.patches] == [1.25, 3.0]


def test_the_plane_names_every_vector_at_its_end():
    axes = socratic.plane((3, 4), {"red": (1, 0)})
    ends = {text.get_text(): text.xy for text in axes.texts if text.get_text()}
    assert ends == {"image": (3, 4), "red": (1, 0)}


def test_the_gallery_ticks_true_captions():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    shown = socratic.gallery(images, ["cat", "dog"], {"one": ["cat", "sky"]}, {"one": [True, False]})
    titles = [axes.get_title() for axes in shown]
    assert "one: ✓ cat" in titles[0]
    assert "one: ✗ sky" in titles[1]


def test_a_film_has_a_row_per_moment_with_its_line():
    frames = torch.randint(255, (2, 4, 3, 8, 8), dtype=torch.uint8)
    figure = socratic.film(frames, ["first", "second"])
    assert len(figure.axes) == 10
    assert [axes.texts[0].get_text() for axes in figure.axes if axes.texts] == ["first", "second"]
    assert np.array_equal(figure.axes[1].images[0].get_array(), frames[0, 1].permute(1, 2, 0).numpy())


def test_by_lines_draws_the_mean_of_the_seeds():
    axes = socratic.by_lines({"log": {1: [1.0, 0.8], 4: [0.5, 0.5]}}, chance=0.2)
    assert axes.lines[0].get_ydata() == pytest.approx([0.9, 0.5])
    assert axes.lines[-1].get_ydata()[0] == 0.2


def test_shares_stand_in_the_order_given_from_the_top():
    axes = socratic.shares({"first": [0.1, 0.3], "second": [0.5]}, "share", chance=0.5)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["second", "first"]
    assert list(axes.lines[1].get_xdata()) == [0.1, 0.3]
