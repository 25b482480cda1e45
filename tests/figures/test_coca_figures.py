"""Pictures of the chapter on CoCa: the numbers that they draw."""

import numpy as np
import pytest

from vlm_lib.figures import coca


def test_architecture_names_both_halves_and_both_losses():
    words = " ".join(text.get_text() for text in coca.architecture().axes[0].texts)
    for part in ("lower half", "upper half", "captioning loss", "contrastive loss", "one query", "many queries"):
        assert part in words


def test_authors_dots_stand_at_their_values_and_missing_ones_are_left_out():
    figure = coca.authors({"both": (71.6, 69.0), "one alone": (70.7, None)}, titles=["a", "b"])
    left, right = (axes.lines[-1] for axes in figure.axes)
    assert sorted(left.get_xdata()) == [70.7, 71.6]
    assert list(right.get_xdata()) == [69.0]


def test_plane_draws_seeds_and_means():
    axes = coca.plane({"both": [(0.2, 0.4), (0.4, 0.8)]}, across="x", up="y", chance=(0.0, 0.1))
    means = {line.get_label(): line.get_xydata()[0] for line in axes.lines if not line.get_label().startswith("_")}
    assert means["both"] == pytest.approx([0.3, 0.6])
    assert means["blind"] == pytest.approx([0.0, 0.1])


def test_attention_grids_show_every_map():
    maps = np.arange(3 * 4, dtype=float).reshape(3, 2, 2)
    shown = [
        axes.images[0].get_array() for axes in coca.attention_grids(maps, ["a", "b", "c"]).axes if axes.images
    ]
    np.testing.assert_array_equal(shown, maps)
