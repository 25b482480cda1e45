"""The table of results: the same cells as HTML and as text, and rows that fit their heads."""

import re

import pytest

from vlm_lib.figures import table


def test_cells_are_escaped_rounded_and_in_order():
    shown = table(["arm", "share"], [["a < b", 0.25678], ["all", "3 of 5"]])
    html = shown._repr_html_()
    assert re.findall(r"<t[hd][^>]*>([^<]*)</t", html) == ["arm", "share", "a &lt; b", "0.26", "all", "3 of 5"]
    assert repr(shown).splitlines() == ["arm    share", "a < b  0.26", "all    3 of 5"]


@pytest.mark.parametrize("rows", [[], [["a"]], [["a", 1], ["b", 2, 3]]])
def test_rows_must_fit(rows):
    with pytest.raises(ValueError, match="2 cells in each"):
        table(["arm", "share"], rows)
