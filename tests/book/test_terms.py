"""Ids and glossary terms in running text become links that explain themselves, and nothing else changes."""

import pytest
from bs4 import BeautifulSoup
from pairs import ROOT
from sphinx.application import Sphinx

from vlm_lib.claims import load_ledger

CONF = f"""
import sys
suppress_warnings = ["app"]  # several builds in one process register the same nodes
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "terms"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
"""
GLOSSARY = """# Glossary

:::{glossary}
attention mask
  A table. `True` means *may attend*.

mask
  Something that hides.

gate
  A factor $\\tanh(\\alpha)$.

the notes
source notes
  Where the book began.
:::
"""
CHAPTER = """# The mask of C17

The notes ask Q14 and claim C17; C17 again, `C17` in code, C99 unknown, C171 no id.

Attention
masks are masks, gates open; another attention mask, a mask-like thing. [A gate](https://example.org) is a link.

- A gate in a list, and Q14.
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("terms")
    (root / "book").mkdir()
    (root / "notebooks").mkdir()
    (root / "book" / "ledger.yml").write_text((ROOT / "book" / "ledger.yml").read_text())
    (root / "book" / "glossary.md").write_text(GLOSSARY)
    (root / "book" / "scoreboard.md").write_text("# Scoreboard\n\nC17 and a mask.\n")
    (root / "notebooks" / "34_flamingo.md").write_text(CHAPTER)
    (root / "conf.py").write_text(CONF)
    pages = "\n".join(("book/glossary", "book/scoreboard", "notebooks/34_flamingo"))
    (root / "index.md").write_text(f"# Book\n\n```{{toctree}}\n{pages}\n```\n")
    with (root / "warnings.txt").open("w") as warnings:
        Sphinx(root, root, root / "out", root / "out", "html", status=None, warning=warnings).build()
    assert (root / "warnings.txt").read_text() == ""
    read = lambda name: BeautifulSoup((root / "out" / name).read_text(), "html.parser")  # noqa: E731
    chapter = read("notebooks/34_flamingo.html").select_one("[role=main]")
    chapter.scoreboard = read("book/scoreboard.html").select_one("[role=main]")
    return chapter


def test_every_id_leads_to_the_scoreboard_with_its_text(page):
    links = page.select("a.ledger-id")
    assert [link.get_text() for link in links] == ["Q14", "C17", "C17", "Q14"]
    item = load_ledger(ROOT / "book" / "ledger.yml")["C17"]
    assert links[1]["title"] == f"Claim C17, Flamingo: {item.text}"
    assert links[1]["href"] == "../book/scoreboard.html#C17"
    assert page.scoreboard.select("a.ledger-id, a.glossary-term") == []


def test_a_term_is_linked_where_the_page_first_uses_it_in_prose(page):
    links = page.select("a.glossary-term")
    words = [" ".join(link.get_text().split()) for link in links]
    assert words == ["The notes", "Attention masks", "masks", "gates"]
    titles = [link["title"] for link in links]
    assert titles == ["Where the book began.", "A table. True means may attend.", "Something that hides.",
                      "A factor tanh(α)."]  # fmt: skip
    assert links[1]["href"] == "../book/glossary.html#term-attention-mask"


def test_text_stays_as_it_was(page):
    text = " ".join(page.get_text().split())
    for line in CHAPTER.replace("# ", "").replace("`", "").split("\n\n")[:2]:
        assert " ".join(line.split()) in text
    assert page.select_one("h1 a.ledger-id, h1 a.glossary-term, code a") is None
