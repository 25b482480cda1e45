"""The built book (`make book-tests` builds it first): every page complete, and nothing in it from elsewhere."""

import links
import page_rules
import pytest
import set_url
import yaml
from pairs import ROOT, chapters

HTML = ROOT / "_build" / "html"


@pytest.fixture(scope="module", autouse=True)
def _built():
    if not (HTML / "book" / "intro.html").exists():
        pytest.fail("the book is not built: run `make book-tests`")


def listed():
    """The pages of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    entries = [entry for part in toc["parts"] for entry in part["chapters"]]
    entries += [section for entry in entries for section in entry.get("sections", [])]
    return [toc["root"], *(entry["file"] for entry in entries)]


def test_every_entry_of_the_table_of_contents_is_a_page():
    assert [name for name in listed() if not (HTML / f"{name}.html").exists()] == []


def test_nothing_else_became_a_page():
    built = {path.relative_to(HTML).with_suffix("").as_posix() for path in page_rules.pages(HTML)}
    assert built - set(listed()) == {"index", "genindex", "search"}


def test_every_chapter_is_built():
    built = [page.stem for page in sorted((HTML / "notebooks").glob("*.html"))]
    assert built == [path.stem for path in chapters()]


def test_chapters_have_their_colab_buttons_once_the_address_is_set():
    slug = set_url.slug(set_url.current())
    if slug == links.PLACEHOLDER:
        assert page_rules.links_to(HTML, links.PLACEHOLDER) == []
    else:
        assert page_rules.missing_colab(HTML, slug) == []


@pytest.mark.parametrize("rule", page_rules.EVERY_PAGE, ids=lambda rule: rule.__name__)
def test_every_page_keeps_the_rules(rule):
    assert rule(HTML) == []


def test_citations_lead_to_the_references():
    cited = {
        link["href"].rpartition("#")[2]
        for page in page_rules.pages(HTML)
        for link in page_rules.article(page).select('a[href*="references.html#"]')
    }
    known = page_rules.anchors(HTML / "book" / "references.html")
    assert cited
    assert cited <= known


def test_mathjax_comes_with_the_book():
    page = page_rules.soup(HTML / "book" / "notation.html")
    sources = [script["src"].split("?")[0] for script in page.find_all("script", src=True)]
    assert "../_static/mathjax/tex-mml-chtml.js" in sources
    assert (HTML / "_static" / "mathjax" / "output" / "chtml" / "fonts" / "woff-v2").is_dir()


def test_library_pages_render_their_docstrings():
    pages = sorted((HTML / "book" / "api").glob("*.html"))
    entries = [entry for page in pages for entry in page_rules.soup(page).select(".library-entry")]
    assert len(entries) > 150
    assert any(entry.select("li") for entry in entries)
    texts = [text.get_text() for entry in entries for text in entry.select("p")]
    assert [text for text in texts if text.startswith("- ") or "\n- " in text or "``" in text] == []
