"""SVG drawings in a page: ids of their own, colours that follow the page, labels that stay readable."""

import io
import re

import drawings
import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup

from vlm_lib import figures
from vlm_lib.figures.style import INK, PALETTE


@pytest.fixture(scope="module")
def svg():
    """What matplotlib writes: clipped lines, markers, a picture, text in two sizes."""
    figures.use_style()
    figure, axes = plt.subplots(figsize=(6, 3))
    axes.plot([0, 1, 2], [0, 1, 0], "o-")
    axes.imshow(np.zeros((4, 4, 3)), extent=(0, 1, 0, 1))
    axes.text(0.5, 0.5, "small", fontsize=7, color="#d55e00")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    return buffer.getvalue()


def test_two_drawings_share_no_id_and_every_reference_leads_somewhere(svg):
    page = BeautifulSoup("".join(drawings.inline(svg, name, "A line") for name in ("a", "b")), "html.parser")
    ids = [element["id"] for element in page.find_all(id=True)]
    assert ids
    assert len(ids) == len(set(ids))
    text = str(page)
    references = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    assert references
    assert set(references) <= set(ids)


def test_a_drawing_changes_nothing_of_the_page_around_it(svg):
    page = BeautifulSoup(drawings.inline(svg, "a", 'Says "yes" & more'), "html.parser")
    assert page.find("style") is None
    assert page.find("metadata") is None
    assert page.svg["role"] == "img"
    assert page.svg["aria-label"] == 'Says "yes" & more'


def test_colours_of_the_palette_follow_the_page_and_others_stay(svg):
    text = drawings.inline(svg, "a", "A line")
    assert INK in svg
    assert not any(re.search(f"{colour}\\b", text) for colour in PALETTE)
    assert f"var({drawings.variable(INK)})" in text
    assert "#d55e00" in text
    css = drawings.palette_css()
    for colour, shade in PALETTE.items():
        assert f"{drawings.variable(colour)}:{colour};" in css
        assert f"{drawings.variable(colour)}:{shade};" in css


def test_the_smallest_label_keeps_nine_pixels(svg):
    style = re.search(r'style="width:(\d+)px;min-width:(\d+)px"', drawings.inline(svg, "a", "A line"))
    width, least = int(style[1]), int(style[2])
    assert width == pytest.approx(6 * 96, rel=0.05)
    assert least / width * 7 * 4 / 3 == pytest.approx(9, rel=0.01)
