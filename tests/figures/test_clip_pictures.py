"""The pictures of chapter 02 show what they are given: frames, bars, pairs, and who holds which cells."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from vlm_lib.figures import clip_pictures
from vlm_lib.figures.style import BLUE, GREEN, ORANGE, VERMILION

PICTURES = np.random.default_rng(0).integers(0, 255, (2, 3, 3, 8, 8), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_wall_frames_the_wrong_ones():
    right = np.array([[True, False, False], [False, True, False]])
    figure = clip_pictures.wall(["a red circle", "a blue star"], PICTURES, right)
    framed = [axes for axes in figure.axes if axes.images]
    colours = [to_hex(axes.spines["left"].get_edgecolor()) for axes in framed]
    assert colours == [(GREEN if each else VERMILION).lower() for each in right.flat]
    with pytest.raises(ValueError, match="images and right"):
        clip_pictures.wall(["one"], PICTURES, right)


def test_named_draws_a_bar_a_name_and_frames_a_wrong_answer():
    chances = [{"ring": 0.7, "star": 0.3}, {"ring": 0.9, "star": 0.1}]
    figure = clip_pictures.named(PICTURES[0, :2], chances, ["ring", "star"])
    pictures, bars = figure.axes[::2], figure.axes[1::2]
    assert [[bar.get_width() for bar in axes.patches] for axes in bars] == [[0.7, 0.3], [0.9, 0.1]]
    colours = [to_hex(axes.spines["left"].get_edgecolor()) for axes in pictures]
    assert colours == [GREEN.lower(), VERMILION.lower()]
    with pytest.raises(ValueError, match="equal"):
        clip_pictures.named(PICTURES[0], chances, ["ring", "star"])


def test_map_joins_each_image_to_its_text():
    u, v = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    axes = clip_pictures.embedding_map({"start": (u, v), "end": (v, v)}).axes[0]
    joined = axes.lines[0].get_xydata().reshape(3, 3, 2)  # from, to, and a gap
    assert np.isnan(joined[:, 2]).all()
    assert joined[:, :2].tolist() == [[u[i].tolist(), v[i].tolist()] for i in range(3)]
    with pytest.raises(ValueError, match="stages"):
        clip_pictures.embedding_map({"start": (u, v[:2])})


@pytest.mark.parametrize(("local", "through"), [(False, False), (False, True), (True, False), (True, True)])
def test_cells_and_features_of_the_third_process(local, through):
    axes = clip_pictures.who_holds_what({"way": (local, through)}).axes[0]
    fill = {patch.get_xy(): to_hex(patch.get_facecolor()) for patch in axes.patches}
    cells = axes.images[0].get_array()
    assert all(cells[i, j] == (not local or bool({4, 5} & {i, j})) for i in range(8) for j in range(8))
    reached = [colour for at, colour in fill.items() if min(at) < 0 and colour in (BLUE.lower(), ORANGE.lower())]
    assert len(reached) == (16 if through else 4)
    with pytest.raises(ValueError, match="ways"):
        clip_pictures.who_holds_what({})
