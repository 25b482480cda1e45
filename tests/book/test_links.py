"""Links that derive from the repository's address: whole when it is set, left out while it is the placeholder."""

import pytest
from bs4 import BeautifulSoup
from pairs import ROOT
from sphinx.application import Sphinx

CONF = """
import sys
suppress_warnings = ["app"]  # several builds in one process register the same nodes
sys.path.insert(0, {path!r})
extensions = ["myst_nb", "links"]
html_theme = "sphinx_book_theme"
html_theme_options = {{
    "repository_url": "https://github.com/{slug}",
    "repository_branch": "main",
    "use_repository_button": True,
    "launch_buttons": {{"colab_url": "https://colab.research.google.com"}},
}}
nb_execution_mode = "off"
"""
PAGE = """# Page

Before. [Open on Colab](https://colab.research.google.com/github/{slug}/blob/main/x.ipynb)

The [sheet](https://github.com/{slug}/blob/main/sheet.ipynb) has tasks, [others](https://github.com/other/one) too.

| Sheet | For students |
| --- | --- |
| 1 | [Colab](https://colab.research.google.com/github/{slug}/blob/main/a.ipynb) |
| 2 | [Colab](https://colab.research.google.com/github/{slug}/blob/main/b.ipynb) |
"""


@pytest.fixture(scope="module", params=["ORG/REPO", "owner/name"])
def page(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("links")
    (root / "conf.py").write_text(CONF.format(path=str(ROOT / "book" / "_ext"), slug=request.param))
    (root / "index.md").write_text(PAGE.format(slug=request.param))
    app = Sphinx(root, root, root / "out", root / "out", "html", status=None)
    app.build()
    assert app.config.html_baseurl.startswith("https://")
    page = BeautifulSoup((root / "out" / "index.html").read_text(), "html.parser")
    page.is_set = request.param != "ORG/REPO"
    return page


def test_words_stay_and_links_lead_somewhere(page):
    sentences = [" ".join(text.get_text().split()) for text in page.select("article p")]
    assert "The sheet has tasks, others too." in sentences
    assert ("Before. Open on Colab" if page.is_set else "Before.") in sentences
    addresses = [link["href"] for link in page.select("article p a")]
    assert "https://github.com/other/one" in addresses
    assert any("owner/name" in address for address in addresses) == page.is_set
    assert not any("ORG/REPO" in link["href"] for link in page.select("a[href]"))


def test_a_column_without_links_is_left_out(page):
    heads = [cell.get_text(strip=True) for cell in page.select("article th")]
    assert heads == (["Sheet", "For students"] if page.is_set else ["Sheet"])
    assert len(page.select("article tbody td")) == (4 if page.is_set else 2)


def test_buttons_on_top_are_there_once_the_address_is_set(page):
    buttons = [link.get("href", "") for link in page.select(".article-header-buttons a")]
    assert any(address == "https://github.com/owner/name" for address in buttons) == page.is_set
