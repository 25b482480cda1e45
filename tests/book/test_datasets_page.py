"""The table of data sets: complete, marked where a figure was not checked, and sorted and filtered in the page."""

import dataset_table
import pytest
import yaml
from bs4 import BeautifulSoup
from pairs import ROOT
from sphinx.application import Sphinx

SETS = dataset_table.load(ROOT / "book" / "datasets.yml")
CONF = f"""
import sys
suppress_warnings = ["app"]  # several builds in one process register the same nodes
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "dataset_table"]
nb_execution_mode = "off"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    (folder / "book").mkdir()
    (folder / "book" / "datasets.yml").write_text((ROOT / "book" / "datasets.yml").read_text())
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text("# Page\n\n```{datasets}\n```\n")
    with (folder / "warnings.txt").open("w") as warnings:
        Sphinx(folder, folder, folder / "out", folder / "out", "html", status=None, warning=warnings).build()
    assert (folder / "warnings.txt").read_text() == ""
    return folder / "out" / "index.html"


def test_every_set_has_a_row_with_its_paper(built):
    rows = BeautifulSoup(built.read_text(), "html.parser").select("table.sets tbody tr")
    assert len(rows) == len(SETS)
    for row, one in zip(rows, SETS, strict=True):
        assert row.find("a")["href"] == one["url"]
        assert one["name"] in row.get_text()
        assert ("?" in row.select("td")[2].get_text()) == (one["known"] != "paper")


def test_the_surveys_list_is_whole():
    names = " ".join(one["name"] for one in SETS)
    survey = (
        "COCO NoCaps Conceptual CxC Concadia ALIGN LTIP VTP JFT-300M JFT-3B VQAv2 OK-VQA A-OKVQA TextVQA VizWiz "
        "VCR NLVR2 Flickr30k SNLI-VE MSR-VTT ActivityNet-QA TGIF TGIF-QA LSMDC TVQA TVQA+ DramaQA VLEP"
    )
    assert [name for name in survey.split() if name not in names] == []


@pytest.mark.parametrize(
    "change", [{"kind": "other"}, {"known": "sure"}, {"traps": ""}, {"name": SETS[1]["name"]}, {"extra": "x"}]
)
def test_a_bad_file_is_refused(tmp_path, change):
    path = tmp_path / "sets.yml"
    path.write_text(yaml.safe_dump([SETS[0] | change, *SETS[1:]]))
    with pytest.raises(ValueError, match="sets.yml"):
        dataset_table.load(path)


@pytest.mark.browser
def test_sorts_by_size_and_filters_by_kind_and_words(browser, built):
    page = browser.new_page()
    page.goto(built.as_uri())
    shown = lambda: page.locator("table.sets tbody tr:visible td:first-child strong").all_inner_texts()  # noqa: E731
    assert len(shown()) == len(SETS)
    size = page.get_by_role("button", name="size")
    size.click()
    by_size = [one["name"] for one in sorted(SETS, key=lambda one: one["n"])]
    assert shown() == by_size
    size.press("Enter")
    assert shown()[0] == by_size[-1]
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.get_by_label("Kind").select_option("probing")
    assert sorted(shown()) == sorted(one["name"] for one in SETS if one["kind"] == "probing")
    page.get_by_role("searchbox", name="Search").fill("constant yes")
    assert shown() == ["POPE"]
    assert page.get_by_role("status").inner_text() == f"1 of {len(SETS)} shown"


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1300])
def test_fits_the_page(browser, built, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(built.as_uri())
    frame = page.locator(".set-frame")
    assert frame.evaluate("node => node.scrollWidth <= node.clientWidth + 1")
