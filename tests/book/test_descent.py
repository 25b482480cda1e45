"""The map of descent: what it may say, what it links, and where it puts it."""

import re
from datetime import datetime
from pathlib import Path

import descent
import pytest
import yaml
from bs4 import BeautifulSoup

from vlm_lib.claims import load_parts

BOOK = Path(__file__).parents[2] / "book"
SYSTEMS = descent.load(BOOK / "descent.yml")


def written(tmp_path, **changes):
    """A file of two systems of which the second is changed."""
    first = {"name": "A", "chapter": "02_contrastive", "since": "May 2020", "column": 0, "row": 0, "takes": {}}
    second = {**first, "name": "B", "row": 1, "takes": {"A": "its loss"}, **changes}
    path = tmp_path / "descent.yml"
    path.write_text(yaml.safe_dump([first, second]))
    return path


def test_every_system_is_in_a_chapter_of_the_ledger_and_every_chapter_of_a_system_is_on_the_map():
    parts = load_parts(BOOK / "ledger.yml")
    about_systems = {c.name for part in parts if part.number in (1, 2, 3, 4) for c in part.chapters}
    all_chapters = {c.name for part in parts for c in part.chapters}
    on_the_map = {one["chapter"] for one in SYSTEMS}
    assert about_systems <= on_the_map <= all_chapters


def test_no_two_boxes_overlap():
    places = [descent.place(one) for one in SYSTEMS]
    assert len(set(places)) == len(places)
    assert descent.BOX_X < descent.STEP_X
    assert descent.BOX_Y < descent.STEP_Y


def test_time_runs_downwards():
    dates = [(one["row"], datetime.strptime(one["since"], "%B %Y")) for one in SYSTEMS]
    assert [date for _, date in sorted(dates)] == sorted(date for _, date in dates)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "A"}, "A stands twice"),
        ({"row": 0}, "which stand in no earlier row"),
        ({"takes": {"C": "?"}}, "which stand in no earlier row"),
        ({"colour": "red"}, "has the fields"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path, changes, said):
    with pytest.raises(ValueError, match=said):
        descent.load(written(tmp_path, **changes))


def test_only_chapters_that_stand_are_links_and_verdicts_are_counted(tmp_path):
    systems = descent.load(written(tmp_path, chapter="21_frozen"))
    records = [{"notebook": "02_contrastive", "verdict": verdict} for verdict in ("holds", "holds", "fails")]
    svg = BeautifulSoup(descent.drawing(systems, records, {"02_contrastive"}), "html.parser")
    assert [link["href"] for link in svg.find_all("a")] == ["../notebooks/02_contrastive.html"]
    assert svg.select_one("a .descent-tally").text == "2✓ 1✗"
    assert svg.select_one(".descent-later .descent-name").text == "B"
    assert svg.select_one("path title").text == "B from A: its loss"


def test_the_legend_on_the_first_page_explains_every_sign():
    intro = (BOOK / "intro.md").read_text()
    legend = re.search(r"verdicts of its chapter:(.*?)```", intro, re.DOTALL)[1]
    assert [sign for sign in descent.SIGNS.values() if sign not in legend] == []
