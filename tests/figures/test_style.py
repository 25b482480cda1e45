"""The style: notebooks get SVG, the same bytes from the same numbers, in colours that a dark page can exchange."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from vlm_lib.figures.style import INK, ORANGE_TEXT, PALETTE, use_style

DRAW = """import matplotlib.pyplot as plt
from vlm_lib import figures
figures.use_style()
figure, axes = plt.subplots()
axes.plot([1, 3, 2])
axes.imshow([[0, 1], [1, 0]])
plt.show()"""


def contrast(one: str, other: str) -> float:
    """WCAG 2.1's contrast ratio of two colours."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def drawn() -> str:
    notebook = NotebookClient(new_notebook(cells=[new_code_cell(DRAW)])).execute()
    (output,) = [output for output in notebook.cells[0].outputs if output.output_type == "display_data"]
    assert "image/png" not in output.data
    return output.data["image/svg+xml"]


def test_an_image_inside_a_figure_is_stored_pixel_by_pixel():
    use_style()
    figure, axes = plt.subplots()
    axes.imshow(np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    figure.savefig(buffer := io.StringIO(), format="svg")
    plt.close(figure)
    (data,) = re.findall(r'xlink:href="data:image/png;base64,([^"]+)"', buffer.getvalue())
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (3, 3)
    assert "image-rendering:pixelated" in buffer.getvalue()


def test_notebooks_hold_figures_as_svg_that_depends_on_the_numbers_alone():
    assert drawn() == drawn()


@pytest.mark.parametrize("colour", [INK, ORANGE_TEXT])
def test_letters_stand_out_on_light_and_on_dark_pages(colour):
    assert contrast(colour, "#ffffff") >= 4.5
    assert contrast(PALETTE[colour], PALETTE["#ffffff"]) >= 4.5


def test_letters_stand_out_on_the_fillings_of_boxes():
    fillings = [colour for colour in PALETTE if contrast(colour, "#ffffff") < 1.6]
    assert len(fillings) >= 5
    assert [colour for colour in fillings if contrast(INK, colour) < 4.5] == []
    assert [colour for colour in fillings if contrast(PALETTE[INK], PALETTE[colour]) < 4.5] == []
