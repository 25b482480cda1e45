"""The HTML figures of chapter 02 show what they are given, and a compact drawing is the same drawing."""

import base64
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from vlm_lib.figures.compact import compact
from vlm_lib.interactive import clip_pages

WORDS = {"alt": "what it shows", "caption": "what it is"}
PICTURES = torch.randint(0, 256, (2, 3, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def figure(page):
    """The <figure>, read as XML: every element is closed, and what it says of itself is there."""
    found = ET.fromstring(re.search(r"<figure.*</figure>", page._repr_html_(), re.DOTALL)[0])
    assert found.get("aria-label") == WORDS["alt"]
    assert found.find("figcaption").text == WORDS["caption"]
    return found


def rows_of(found):
    """Each row's label, and its strip."""
    return [(row.find("span").text, row.find("svg")) for row in found.iter("div") if row.get("class") == "vlm-at"]


def percent(text):
    return float(text.removesuffix("%"))


def test_dots_keep_order_and_proportion():
    series = {"first": {"shape": [0.1, 0.2], "size": 0.5}, "second": {"shape": 0.3, "size": 0.4}}
    found = figure(clip_pages.dots(series, marks={"size": 0.25}, **WORDS))
    rows = dict(rows_of(found))
    assert list(rows) == ["shape", "size", None]
    at = {
        name: [percent(each.get("cx") or each.get("x")) for each in strip if each.tag in ("circle", "rect")]
        for name, strip in rows.items()
        if name
    }
    one, two, three = at["shape"]
    four, five = at["size"]
    assert two - one == pytest.approx(three - two, abs=0.11)
    assert four - one == pytest.approx(4 * (two - one), abs=0.3)
    assert five - three == pytest.approx(two - one, abs=0.11)
    ticks = [strip for strip in rows["size"] if strip.get("class") == "vlm-mark"]
    assert percent(ticks[0].get("x1")) == pytest.approx((one + five) / 2, abs=0.11)
    with pytest.raises(ValueError, match="series"):
        clip_pages.dots({"first": {"a": 1.0}, "second": {"b": 1.0}}, **WORDS)


def test_authors_numbers_stand_in_the_rows_of_their_names():
    found = figure(clip_pages.authors({"one": {"a": 3.0, "b": 1.5}, "two": {"c": 2.0}}, **WORDS))
    assert [title.text for title in found.iter("h4")] == ["one", "two"]
    assert {name: strip.find("text").text for name, strip in rows_of(found)} == {"a": "3", "b": "1.5", "c": "2"}
    with pytest.raises(ValueError, match="panels"):
        clip_pages.authors({"one": {}}, **WORDS)


def test_wall_frames_the_wrong_ones():
    right = torch.tensor([[True, False, False], [False, True, False]])
    found = figure(clip_pages.wall(["a <red> circle", "a blue star"], PICTURES, right, **WORDS))
    assert [each.get("alt") for each in found.iter("img")] == [
        "right picture" if x else "wrong picture" for x in right.flatten()
    ]
    assert [each.find("span").text for each in found.findall("div")] == ["a <red> circle", "a blue star"]
    with pytest.raises(ValueError, match="images and right"):
        clip_pages.wall(["one"], PICTURES, right, **WORDS)


def test_named_draws_bars_a_bold_name_and_frames_a_wrong_answer():
    chances = [{"ring": 0.6, "star": 0.3}, {"ring": 0.9, "star": 0.1}]
    found = figure(clip_pages.named(PICTURES[0, :2], chances, ["ring", "star"], **WORDS))
    bars = [each.get("style") for each in found.iter("div") if each.get("class") == "vlm-bar"]
    widths = [percent(re.search(r"width:([\d.]+)%", bar)[1]) for bar in bars]
    assert widths == pytest.approx([66.7, 33.3, 100, 11.1], abs=0.1)
    assert [each.text for each in found.iter("strong")] == ["ring", "star"]
    assert [each.get("alt") for each in found.iter("img")] == ["right picture", "wrong picture"]
    with pytest.raises(ValueError, match="equal"):
        clip_pages.named(PICTURES[0], chances, ["ring", "star"], **WORDS)


def test_compact_is_one_line_and_keeps_shapes_pixels_and_colours():
    drawing, axes = plt.subplots(figsize=(2, 2))
    axes.imshow(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), interpolation="none")
    axes.axvline(0.5, color="#123456")
    svg = compact(axes)._repr_svg_()
    assert "\n" not in svg
    assert not plt.fignum_exists(drawing.number)
    root = ET.fromstring(svg)
    assert float(root.get("width").removesuffix("pt")) == pytest.approx(144, abs=30)
    assert "stroke: #123456" in svg
    picture = re.search(r'base64,([^"]*)"', svg)[1]
    assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")
