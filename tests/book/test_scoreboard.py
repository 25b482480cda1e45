"""The scoreboard page, built by Sphinx from a notebook with records."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from vlm_lib.claims import MIME, Claim, answer, exact, load_ledger, theirs
from vlm_lib.claims.verified import compare

ROOT = Path(__file__).parents[2]
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "scoreboard"]
nb_execution_mode = "off"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
suppress_warnings = ["mystnb.unknown_mime_type", "myst-nb.lexer", "app"]  # app: several builds in one process
"""


def verdict(values, hypothesis="Last image wins", id="C17"):
    claim = Claim(id, hypothesis, "accuracy", 0.1, chapter="34_flamingo", says="{effect} more of the words")
    arms = {"treatment": lambda seed: values[seed], "control": lambda seed: 0.5}
    return claim.measure(arms, range(3)).record()


def records():
    question = answer("Q14", "Which image?", "Phi counts tags.", True, {"n": 1}, chapter="34_flamingo")
    fact = exact("C21", "`phi` never falls.", "So on 60 pages.", True, {"n": 60}, chapter="34_flamingo")
    return [
        verdict([0.9, 0.8, 0.4]),
        question.record(),
        verdict([0.9, 0.9, 0.8], "The tag decides", "Q14"),
        fact.record(),
    ]


def notebook(records):
    """A chapter with a section for each record; two of them share a heading, and one heading is not plain text."""
    cells = [nbformat.v4.new_markdown_cell("# Flamingo")]
    headings = ["## The *last* image: `phi`", "## Why?", "## Why?"]
    for number, record in enumerate(records):
        heading = headings[number] if number < len(headings) else "Only text."
        output = nbformat.v4.new_output("display_data", {MIME: record, "text/plain": "shown"})
        cells += [nbformat.v4.new_markdown_cell(heading), nbformat.v4.new_code_cell("1", outputs=[output])]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["vlm_book"] = {"executed_from": "today"}
    return made


def build(folder, records, verified):
    """Build a book of a scoreboard and one chapter; returns the two pages and the warnings."""
    (folder / "book").mkdir()
    (folder / "notebooks").mkdir()
    for name in ("ledger.yml", "evidence.yml"):
        shutil.copy(ROOT / "book" / name, folder / "book")
    (folder / "book" / "verify.json").write_text(json.dumps(verified))
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text("# Book\n\n```{toctree}\nbook/scoreboard\nnotebooks/34_flamingo\n```\n")
    (folder / "book" / "scoreboard.md").write_text("# Scoreboard\n\n```{scoreboard}\n```\n")
    nbformat.write(notebook(records), folder / "notebooks" / "34_flamingo.ipynb")
    with (folder / "warnings.txt").open("w") as warnings:
        Sphinx(folder, folder, folder / "out", folder / "out", "html", status=None, warning=warnings).build()
    pages = (folder / "out" / f"{name}.html" for name in ("book/scoreboard", "notebooks/34_flamingo"))
    page, chapter = (BeautifulSoup(path.read_text(), "html.parser") for path in pages)
    return page, chapter, (folder / "warnings.txt").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="module")
def board(folder):
    fresh = [verdict([0.9, 0.8, 0.9]), verdict([0.7, 0.8, 0.9], "The tag decides", "Q14")]
    entry = {
        "date": "2026-11-27",
        "device": "a laptop",
        "seconds": 3,
        "seeds_from": 10,
        "executed_from": "yesterday",
    }
    verified = {"34_flamingo": entry | {"records": compare(records(), fresh)}}
    return build(folder, records(), verified)


def item(page, id):
    return next(card for card in page.select(".board-item") if card.strong.get_text(strip=True) == id)


def words(node):
    return " ".join(node.get_text(" ").split())


def test_every_ledger_id_has_one_card_and_the_page_builds_without_a_warning(board):
    page, _, warnings = board
    assert warnings == ""
    ids = [card.strong.get_text(strip=True) for card in page.select(".board-item")]
    assert len(ids) == len(set(ids)) >= 54
    assert f"3 of {len(ids)} ids are settled, by 4 records." in words(page)


def test_the_tiles_count_the_records_of_each_verdict(board):
    page, *_ = board
    tiles = {tile["data-verdict"]: int(tile.b.get_text()) for tile in page.select(".board-tiles button")}
    ids = len(page.select(".board-item"))
    assert tiles == {"holds": 1, "fails": 0, "inconclusive": 1, "exact": 1, "answered": 1, "open": ids - 3}


def test_a_measured_record_shows_effect_seeds_threshold_and_theirs(board):
    measured = item(board[0], "C17")
    assert measured.select_one(".vlm-badge").get_text() == "inconclusive"
    assert len(measured.select("svg circle")) == 3
    assert "Effect of each seed 0.4, 0.3, −0.1" in measured.select_one("[role=img]")["aria-label"]
    for part in ("0.2 more of the words on average", "−0.1 to 0.4", "2 of 3 seeds", "threshold of 0.1"):
        assert part in words(measured)
    assert " ".join(theirs("C17").summary.split()) in words(measured)
    assert theirs("C17").results[0]["where"] in words(measured)


def test_a_question_shows_what_it_leans_on_beside_its_answer(board):
    shown = [record["class"] for record in item(board[0], "Q14").select(".board-record")]
    assert [name for classes in shown for name in classes if name.startswith("is-")] == ["is-answered", "is-holds"]
    assert "Check passed: Phi counts tags." in words(item(board[0], "Q14"))
    assert "The tag decides" in words(item(board[0], "Q14"))


def test_an_exact_fact_shows_its_statement_and_check(board):
    assert "exact phi never falls. Check passed: So on 60 pages." in words(item(board[0], "C21"))


def test_each_record_leads_to_the_section_that_shows_it(board):
    page, chapter, _ = board
    for id, titles in {"C17": ["The last image: phi"], "Q14": ["Why?", "Why?"], "C21": ["Why?"]}.items():
        for link, title in zip(item(page, id).select(".board-record a"), titles, strict=True):
            address, anchor = link["href"].split("#")
            assert address == "../notebooks/34_flamingo.html"
            assert chapter.find(id=anchor).find(["h2", "h1"]).get_text().rstrip("¶#") == title
            assert link.get_text() == f"34_flamingo: {title}"
    anchors = [link["href"] for link in item(page, "Q14").select(".board-record a")]
    assert len(set(anchors)) == 2  # two sections of one name are two places


def test_chapters_that_are_not_written_are_folded_away(board):
    page, *_ = board
    assert item(page, "C01").find_parent("details") is not None
    assert item(page, "C17").find_parent("details") is None
    assert (
        item(page, "C22").select_one(".vlm-badge").get_text() == "open"
    )  # its chapter is there, its record is not


def test_fresh_seeds_are_reported_with_date_and_device(board):
    page, *_ = board
    assert "With other seeds the verdict changes: holds" in words(item(page, "C17"))
    assert "The same with other seeds" in words(item(page, "Q14"))
    assert "1 of 2 verdicts came out the same." in words(page)
    for part in ("changed: C17", "27 November 2026", "seeds from 10, a laptop", "Verified before the last run."):
        assert part in words(page)


def test_records_that_disagree_are_a_warning_and_no_verification_is_said_so(tmp_path):
    page, _, warnings = build(tmp_path, [verdict([0.9, 0.8, 0.9]), verdict([0.5, 0.5, 0.5])], {})
    assert "C17: two records disagree" in warnings
    assert "No verdict has been measured with other seeds yet" in words(page)


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def opened(request, browser, board, folder):
    """The page at 400 px, and whether scripts run on it."""
    context = browser.new_context(java_script_enabled=request.param, viewport={"width": 400, "height": 900})
    page = context.new_page()
    page.goto((folder / "out" / "book" / "scoreboard.html").as_uri())
    yield page, request.param
    context.close()


@pytest.mark.browser
def test_a_tile_shows_its_verdict_only_and_a_second_click_all_again(opened):
    page, scripts = opened
    everything = page.locator(".board-record:visible").count()
    assert everything >= 4
    tile = page.locator("button[data-verdict=holds]")
    assert tile.is_enabled() == scripts
    if scripts:
        tile.click()
        assert (
            page.locator(".board-record:visible").all_inner_texts() == page.locator(".is-holds").all_inner_texts()
        )
        assert page.locator(".board-choice [role=status]").inner_text() == "1 shown"
        tile.click()
        assert page.locator(".board-record:visible").count() == everything


@pytest.mark.browser
def test_a_part_and_the_open_ids_can_be_chosen(opened):
    page, scripts = opened
    assert page.locator("select").is_visible() == scripts
    if scripts:
        page.locator("select").select_option("Joint training")
        page.locator("button[data-verdict=open]").click()
        shown = page.locator(".board-item:visible strong").all_inner_texts()
        ledger = load_ledger(ROOT / "book" / "ledger.yml").values()
        assert shown == [item.id for item in ledger if item.part == "Joint training"]


@pytest.mark.browser
def test_nothing_sticks_out_of_a_narrow_page(opened):
    page, _ = opened
    outside = """() => [...document.querySelectorAll(".board *")].filter((n) => !n.closest(".vlm-scroll, style")
      && n.getBoundingClientRect().right > innerWidth).map((n) => n.outerHTML.slice(0, 80))"""
    assert page.evaluate(outside) == []
