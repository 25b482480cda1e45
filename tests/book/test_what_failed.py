"""The page of what failed leaves nothing out, and its directive refuses what it cannot find."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from not_held import REFUTED
from pairs import ROOT, chapters
from sphinx.application import Sphinx

from vlm_lib.claims import MIME, Claim, load_records

PAGE = (ROOT / "book" / "what_failed.md").read_text()
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "scoreboard", "not_held"]
nb_execution_mode = "off"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
suppress_warnings = ["mystnb.unknown_mime_type", "myst-nb.lexer", "app"]  # app: several builds in one process
"""


def test_every_chapter_with_such_a_verdict_is_discussed():
    shown = re.findall(r"```\{not_held\} (\w+)\n```", PAGE[PAGE.index("## Chapter by chapter") :])
    records = load_records([path.with_suffix(".ipynb") for path in chapters()])
    assert shown == sorted({record["notebook"] for record in records if record["verdict"] in REFUTED})


def verdict(hypothesis, values):
    claim = Claim("C17", hypothesis, "accuracy", 0.1, chapter="34_flamingo", says="{effect} more of the words")
    return claim.measure({"treatment": lambda seed: values[seed], "control": lambda seed: 0.5}, range(3)).record()


def build(folder, directive):
    """The page that a directive gives, and the warnings, over a chapter with one verdict of each kind."""
    all_kinds = {"It wins.": [0.9, 0.9, 0.9], "It loses.": [0.4, 0.4, 0.4], "Who knows?": [0.4, 0.9, 0.9]}
    records = [verdict(hypothesis, values) for hypothesis, values in all_kinds.items()]
    outputs = [nbformat.v4.new_output("display_data", {MIME: r, "text/plain": "shown"}) for r in records]
    cells = [nbformat.v4.new_markdown_cell("# Flamingo"), nbformat.v4.new_code_cell("1", outputs=outputs)]
    for name in ("book", "notebooks"):
        (folder / name).mkdir()
    (folder / "book" / "verify.json").write_text("{}")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "34_flamingo.ipynb")
    (folder / "conf.py").write_text(CONF)
    toctree = "```{toctree}\nnotebooks/34_flamingo\n```"
    (folder / "index.md").write_text(f"# What failed\n\n{directive}\n\n{toctree}\n")
    with (folder / "warnings.txt").open("w") as warnings:
        Sphinx(folder, folder, folder / "out", folder / "out", "html", status=None, warning=warnings).build()
    page = BeautifulSoup((folder / "out" / "index.html").read_text(), "html.parser")
    return page, (folder / "warnings.txt").read_text()


def test_it_shows_what_did_not_hold_and_leads_to_the_section(tmp_path):
    page, warnings = build(tmp_path, "```{not_held} 34_flamingo\n```")
    assert warnings == ""
    assert [badge.text for badge in page.select(".vlm-badge")] == ["fails", "inconclusive"]
    assert {a["href"] for a in page.select(".board-record a")} == {"notebooks/34_flamingo.html#flamingo"}


def test_words_of_a_hypothesis_choose_one(tmp_path):
    page, warnings = build(tmp_path, "```{not_held} 34_flamingo\nknows\n```")
    assert warnings == ""
    assert [badge.text for badge in page.select(".vlm-badge")] == ["inconclusive"]


@pytest.mark.parametrize(
    ("directive", "said"),
    [
        ("```{not_held} 35_coca\n```", "there is no chapter '35_coca'"),
        ("```{not_held} 34_flamingo\nwins\n```", "0 verdicts of 34_flamingo with 'wins', expected one"),
        ("```{not_held} 34_flamingo\no\n```", "2 verdicts of 34_flamingo with 'o', expected one"),
    ],
)
def test_what_it_cannot_find_is_a_warning(tmp_path, directive, said):
    assert said in build(tmp_path, directive)[1]
