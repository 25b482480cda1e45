"""Slides: what they take from a chapter, in which order, and what they leave out."""

import re

import nbformat
import pytest
import slides
from pairs import ROOT, chapters

from vlm_lib.claims import MIME, Claim

HEAD = """# A *title*

:::{admonition} In one sentence
:class: tip
Two models meet at $\\alpha$ {cite:p}`radford2021clip`.
:::

After this chapter you can

- do [this](other.ipynb);

**Settles** nothing.
"""


def claimed():
    claim = Claim("C17", "It wins.", "accuracy", 0.1, chapter="34_flamingo", says="{effect} more of the words")
    return claim.measure({"treatment": lambda seed: 0.9, "control": lambda seed: 0.5}, range(3)).record()


def drawn(heading, name, **data):
    about = {"figure": {"caption": f"Caption of {name}.", "name": name}, "image": {"alt": f"About {name}"}}
    output = nbformat.v4.new_output("display_data", data)
    cell = nbformat.v4.new_code_cell("draw()", outputs=[output], metadata={"mystnb": about})
    return [nbformat.v4.new_markdown_cell(f"## {heading}"), cell]


@pytest.fixture(scope="module")
def deck():
    cells = [
        nbformat.v4.new_markdown_cell(HEAD),
        *drawn("The idea", "idea", **{"image/svg+xml": "<svg>one</svg>"}),
        *drawn("The run", "run", **{"image/png": "cG5n\n"}),
        *drawn("The claim", "claim", **{MIME: claimed(), "text/plain": "shown"}),
        *drawn("Exercises", "late", **{"image/svg+xml": "<svg>late</svg>"}),
        nbformat.v4.new_markdown_cell("## Summary\n\nAll is said.\n\nFurther reading: a paper."),
    ]
    return slides.deck_of(nbformat.v4.new_notebook(cells=cells))


def test_slides_follow_the_chapter_up_to_the_exercises(deck):
    headings = [re.search(r"<h[12]>(.*?)</h", slide)[1] for slide in deck.slides]
    assert headings == ["A *title*", "Goals", "The idea", "The run", "The claim", "Summary"]


def test_formulas_links_and_citations_become_text(deck):
    assert "Two models meet at α." in deck.slides[0]
    assert "<li>do this;</li>" in deck.slides[1]
    assert "Further reading" not in deck.slides[-1]


def test_a_verdict_is_told_with_its_seeds(deck):
    assert "It wins." in deck.slides[4]
    assert "holds" in deck.slides[4]
    assert "All 3 seeds lie above the threshold of 0.1" in deck.slides[4]


def test_drawings_stand_beside_the_deck_unchanged(deck):
    assert deck.drawings == {"idea.svg": "<svg>one</svg>"}


def test_a_deck_loads_nothing(deck):
    page = slides.page("00_x", deck)
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert page.count("<section>") == len(deck.slides)


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_chapter_gives_a_deck(path):
    deck = slides.deck_of(nbformat.read(ROOT / "notebooks" / f"{path.stem}.ipynb", as_version=4))
    assert len(deck.slides) > 8
