"""The drawings of chapter 02 show what they are given: pairs, and who holds which cells."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from vlm_lib.figures import clip_pictures
from vlm_lib.figures.style import BLUE, ORANGE


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


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
