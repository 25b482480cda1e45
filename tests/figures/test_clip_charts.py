"""The charts of chapter 02 show each number where its name stands, and a compact drawing is the same drawing."""

import base64
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vlm_lib.figures import clip_charts
from vlm_lib.figures.compact import compact


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_authors_numbers_stand_beside_their_names():
    figure = clip_charts.authors({"one": {"a": 3.0, "b": 1.5}, "two": {"c": 2.0}})
    for axes, expected in zip(figure.axes, ({"a": 3.0, "b": 1.5}, {"c": 2.0}), strict=True):
        names = {label.get_position()[1]: label.get_text() for label in axes.get_yticklabels()}
        assert {names[y]: x for x, y in axes.lines[0].get_xydata()} == expected
    with pytest.raises(ValueError, match="panels"):
        clip_charts.authors({"one": {}})


def test_dots_of_a_measure_stand_in_its_row():
    series = {"first": {"shape": [0.1, 0.2], "size": 0.5}, "second": {"shape": 0.3, "size": 0.4}}
    axes = clip_charts.dots(series, across="share", marks={"size": 0.25})
    rows = {label.get_text(): label.get_position()[1] for label in axes.get_yticklabels()}
    for line, values in zip(axes.lines, series.values(), strict=False):
        drawn = {name: [x for x, y in line.get_xydata() if abs(y - row) < 0.5] for name, row in rows.items()}
        assert drawn == {name: list(np.atleast_1d(found)) for name, found in values.items()}
    assert axes.lines[-1].get_xydata().tolist() == [[0.25, rows["size"]]]
    with pytest.raises(ValueError, match="series"):
        clip_charts.dots({"first": {"a": 1.0}, "second": {"b": 1.0}}, across="share")


def test_compact_is_one_line_and_keeps_shapes_pixels_and_colours():
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.imshow(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), interpolation="none")
    axes.axvline(0.5, color="#123456")
    svg = compact(axes)._repr_svg_()
    assert "\n" not in svg
    assert not plt.fignum_exists(figure.number)
    root = ET.fromstring(svg)
    assert float(root.get("width").removesuffix("pt")) == pytest.approx(144, abs=30)
    assert "stroke: #123456" in svg
    picture = re.search(r'base64,([^"]*)"', svg)[1]
    assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")
