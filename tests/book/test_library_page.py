"""The library's pages: one a package, in the order in which imports point, docstrings shown as they are meant."""

import re

import library
import nbformat
import pytest
from bs4 import BeautifulSoup
from pairs import ROOT, imported_modules
from sphinx.application import Sphinx

PACKAGE = ROOT / "vlm_lib"
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
CONF = f"""
import sys
suppress_warnings = ["app"]  # several builds in one process register the same nodes
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "library"]
nb_execution_mode = "off"
myst_enable_extensions = ["deflist"]
"""
MODULE = '''"""What the file is about, at <image> 1."""

from torch import Tensor


def shown(x: Float[Tensor, "batch dim"], *, a_rather_long_name: int = 1, another_one: str = "auto") -> Tensor:
    """The first sentence, with `code <b>`.

    The kinds are

    - one, which goes on
      here;
    - two.

    x: what comes in
    another_one: how. Raises: nothing.
    Raises: ValueError for `x`. Costs $2 * 3$. Chapter: 34_flamingo, and 35_coca.
    """


def _hidden():
    """Not shown."""
'''


# Two files of `training` that need no other package and that every package may use.
ANYWHERE = ("vlm_lib.training.seeds", "vlm_lib.training.progress")


def uses(package: str) -> set[str]:
    """The other packages whose names a package imports."""
    files = [path for path in (PACKAGE / package).rglob("*.py") if path.stem != "__main__"]
    modules = {module for path in files for module in imported_modules(path.read_text())}
    names = {module.split(".")[1] for module in modules if "." in module and not module.startswith(ANYWHERE)}
    return (names & set(PACKAGES)) - {package}


def test_every_package_has_a_page_below_those_that_it_uses():
    pages = library.package_pages(ROOT / "_toc.yml")
    assert sorted(pages) == PACKAGES
    above = {page: set(pages[:place]) for place, page in enumerate(pages)}
    assert {page: uses(page) - above[page] for page in pages if uses(page) - above[page]} == {}


@pytest.mark.parametrize("module", ANYWHERE)
def test_what_every_package_may_use_needs_none_itself(module):
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    used = {module.split(".")[1] for module in imported_modules(path.read_text()) if "." in module}
    assert used & set(PACKAGES) == set()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("library")
    (root / "vlm_lib" / "small").mkdir(parents=True)
    (root / "vlm_lib" / "small" / "__init__.py").write_text('"""A small package."""\n')
    (root / "vlm_lib" / "small" / "part.py").write_text(MODULE)
    (root / "notebooks").mkdir()
    chapter = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Flamingo")])
    nbformat.write(chapter, root / "notebooks" / "34_flamingo.ipynb")
    (root / "conf.py").write_text(CONF)
    (root / "index.md").write_text(
        "# Book\n\n```{library} small\n```\n\n```{toctree}\nnotebooks/34_flamingo\n```\n"
    )
    with (root / "warnings.txt").open("w") as warnings:
        Sphinx(root, root, root / "out", root / "out", "html", status=None, warning=warnings).build()
    assert (root / "warnings.txt").read_text() == ""
    return BeautifulSoup((root / "out" / "index.html").read_text(), "html.parser")


def test_a_package_says_what_it_is_about_before_its_files(page):
    text = page.get_text()
    assert (
        text.index("A small package.")
        < text.index("small.part")
        < text.index("What the file is about, at <image> 1.")
    )
    assert "Not shown" not in text


def test_signatures_keep_their_shapes_one_argument_a_line(page):
    lines = page.select_one(".library-signature pre").get_text().splitlines()
    assert lines[0] == "shown("
    assert '    x: Float[Tensor, "batch dim"],' in lines
    assert lines[-1] == ") -> Tensor"


def test_docstrings_are_paragraphs_lists_and_code(page):
    entry = page.select_one(".library-entry")
    assert [" ".join(item.get_text().split()) for item in entry.select("li")] == [
        "one, which goes on here;",
        "two.",
    ]
    assert [code.get_text() for code in entry.select("p code")] == ["code <b>", "x"]
    *_, first, second, last = (" ".join(paragraph.get_text().split()) for paragraph in entry.select("p"))
    assert (first, second) == ("x: what comes in", "another_one: how. Raises: nothing.")
    assert last == "Raises: ValueError for x. Costs $2 * 3$. Chapter: 34_flamingo, and 35_coca."


def test_chapters_that_exist_are_links(page):
    links = page.select(".library-entry a")
    assert [link.get_text() for link in links] == ["34_flamingo"]
    assert re.search(r"notebooks/34_flamingo", links[0]["href"])
