"""The table of problem sheets: what its headings promise is what grading gives."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sheets import summary
from sphinx.application import Sphinx

from vlm_lib.grading.sheet import nbgrader_of, read_sheet

ROOT = Path(__file__).parents[2]
SHEETS = sorted((ROOT / "notebooks" / "exercises").glob("*.md"))
CONF = f"""
import sys
suppress_warnings = ["app"]  # several builds in one process register the same nodes
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "sheets"]
html_theme_options = {{"repository_url": "https://github.com/owner/name"}}
html_theme = "sphinx_book_theme"
"""


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_headings_and_grading_agree_on_points(path):
    _, tasks, points, by_hand, minutes = summary(path.read_text())
    cells = [nbgrader_of(cell) for cell in read_sheet(path).notebook.cells]
    marked = [cell for cell in cells if "points" in cell]
    assert points == sum(cell["points"] for cell in marked if not cell["solution"])
    assert by_hand == sum(cell["points"] for cell in marked if cell["solution"])
    assert tasks == path.read_text().count("\n## Task ")
    assert minutes > 0


def test_the_page_lists_a_sheet_with_its_chapter_and_its_notebook(tmp_path):
    folder = tmp_path / "notebooks" / "exercises"
    folder.mkdir(parents=True)
    (folder / "34_flamingo.md").write_text(
        "# Problem sheet 34: Flamingo\n\n## Task 1. One (2 points, 10 minutes)\n\n"
        "## Task 2. Two (3 points, 5 minutes)\n\n"
        "## Task 3. In your own words (4 points, 15 minutes, marked by your teacher)\n"
    )
    (tmp_path / "notebooks" / "34_flamingo.md").write_text("# Flamingo\n")
    (tmp_path / "conf.py").write_text(CONF + 'exclude_patterns = ["notebooks/exercises"]\n')
    (tmp_path / "index.md").write_text("# Page\n\n```{sheets}\n```\n\n```{toctree}\nnotebooks/34_flamingo\n```\n")
    with (tmp_path / "warnings.txt").open("w") as warnings:
        Sphinx(
            tmp_path, tmp_path, tmp_path / "out", tmp_path / "out", "html", status=None, warning=warnings
        ).build()
    assert (tmp_path / "warnings.txt").read_text() == ""
    page = BeautifulSoup((tmp_path / "out" / "index.html").read_text(), "html.parser")
    cells = page.select("table tbody td")
    assert [cell.get_text(strip=True) for cell in cells] == ["34Flamingo", "3", "5", "4", "30", "Colab"]
    assert [link["href"] for cell in cells for link in cell.select("a")] == [
        "notebooks/34_flamingo.html",
        "https://colab.research.google.com/github/owner/name/blob/main/notebooks/exercises/34_flamingo_student.ipynb",
    ]
