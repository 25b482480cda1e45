"""The scoreboard page, built by Sphinx from a notebook with records."""

import shutil
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from vlm_lib.claims import MIME, Claim, answer

ROOT = Path(__file__).parents[2]
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "scoreboard"]
nb_execution_mode = "off"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
suppress_warnings = ["mystnb.unknown_mime_type", "myst-nb.lexer", "app"]  # app: several builds in one process
"""


def verdict(values):
    claim = Claim("C17", "Last image wins", "accuracy", 0.1, ("image-blind",), chapter="34_flamingo")
    for seed, value in enumerate(values):
        claim.record("treatment", seed, value)
        claim.record("control", seed, 0.5)
        claim.record("image-blind", seed, 0.2)
    return claim.verdict(seconds=1).record()


def build(folder, records):
    """Build a book of a scoreboard and one chapter; returns the page and the warnings."""
    (folder / "book").mkdir()
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "book" / "ledger.yml", folder / "book")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text("# Book\n\n```{toctree}\nbook/scoreboard\nnotebooks/34_flamingo\n```\n")
    (folder / "book" / "scoreboard.md").write_text("# Scoreboard\n\n```{scoreboard}\n```\n")
    outputs = [nbformat.v4.new_output("display_data", {MIME: record, "text/plain": "shown"}) for record in records]
    cells = [nbformat.v4.new_markdown_cell("# Flamingo"), nbformat.v4.new_code_cell("1", outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "34_flamingo.ipynb")
    with (folder / "warnings.txt").open("w") as warnings:
        Sphinx(folder, folder, folder / "out", folder / "out", "html", status=None, warning=warnings).build()
    page = BeautifulSoup((folder / "out" / "book" / "scoreboard.html").read_text(), "html.parser")
    return page, (folder / "warnings.txt").read_text()


def row(page, id):
    return next(row for row in page.select("table.scoreboard tbody tr") if row.td.get_text(strip=True) == id)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    question = answer("Q14", "Which image?", "Phi counts tags.", True, {"n": 1}, chapter="34_flamingo").record()
    return build(tmp_path_factory.mktemp("board"), [verdict([0.9, 0.8, 0.4]), question])


def test_every_ledger_id_has_one_row(board):
    page, warnings = board
    assert warnings == ""
    ids = [row.td.get_text(strip=True) for row in page.select("table.scoreboard tbody tr")]
    assert len(ids) == len(set(ids)) == 54
    assert "2 of 54 settled: 1 answered, 1 inconclusive." in page.get_text()


def test_a_measured_row_shows_effect_seeds_threshold_and_baselines(board):
    page, _ = board
    measured = row(page, "C17")
    assert measured.select_one(".verdict").get_text() == "inconclusive"
    assert measured.a["href"] == "../notebooks/34_flamingo.html"
    assert len(measured.select("svg[role=img] circle")) == 3
    assert "effect of each seed +0.4, +0.3, −0.1" in measured.svg["aria-label"]
    words = " ".join(measured.get_text().split())
    for part in (
        "Effect +0.2",
        "from −0.1 to +0.4",
        "in accuracy",
        "2 of 3 seeds",
        "threshold of +0.1",
        "image-blind in 3",
    ):
        assert part in words


def test_answered_and_open_rows(board):
    page, _ = board
    assert "Check passed: Phi counts tags." in row(page, "Q14").get_text()
    open_row = row(page, "C01")
    assert open_row.select_one(".verdict").get_text() == "open: not yet written"
    assert open_row.a is None  # its chapter is not in this book
    assert row(page, "C22").a is not None


def test_records_that_disagree_are_a_warning(tmp_path):
    _, warnings = build(tmp_path, [verdict([0.9, 0.8, 0.9]), verdict([0.5, 0.5, 0.5])])
    assert "C17: two records disagree" in warnings
