"""The book as one PDF: bound in the order of the contents, numbered, and light."""

import pdf
import pytest
from pypdf import PdfWriter

pytestmark = pytest.mark.browser

TOC = """
root: book/intro
parts:
  - caption: One & two
    chapters:
      - file: notebooks/01_a
        sections: [{file: notebooks/02_b}]
"""
LONG = "<p>word</p>" * 120


def page(title, body=""):
    return (
        f"<!DOCTYPE html><meta charset='utf-8'><article><h1>{title}<a>#</a></h1>{body}</article>"
        "<script>addEventListener('beforeprint', () => document.querySelector('h1').dataset.printed = 1)</script>"
        "<style>h1:not([data-printed])::after { content: ' ON SCREEN' }</style>"
    )


@pytest.fixture(scope="module")
def book(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("html")
    for name, text in {
        "book/intro": page("First"),
        "notebooks/01_a": page("A < B", LONG),
        "notebooks/02_b": page("C"),
    }.items():
        (folder / f"{name}.html").parent.mkdir(exist_ok=True)
        (folder / f"{name}.html").write_text(text.replace("A < B", "A &lt; B"))
    (folder / "_toc.yml").write_text(TOC)
    return folder, pdf.bind(browser, folder, folder / "_toc.yml", "A book")


def texts(writer: PdfWriter):
    return [" ".join(page.extract_text().split()) for page in writer.pages]


def test_pages_follow_the_contents_and_bear_their_numbers(book):
    front, *pages = texts(book[1])
    assert len(pages) >= 4
    assert [text.split()[-1] for text in pages] == [str(number + 1) for number in range(len(pages))]
    assert [pages[i].split()[0] for i in (0, 1, -1)] == ["First#", "A", "C#"]
    assert f"First 1 One & two A < B 2 C {len(pages)}" in front


def test_every_page_has_a_bookmark(book):
    assert [mark.title for mark in book[1].outline] == ["Contents", "First", "A < B", "C"]


def test_a_page_is_printed_as_print_asks(book):
    assert "ON SCREEN" not in " ".join(texts(book[1]))


def test_a_page_that_was_not_built_is_named(browser, book):
    folder, _ = book
    (folder / "_toc.yml").write_text(TOC + "      - file: notebooks/03_c\n")
    with pytest.raises(FileNotFoundError, match="03_c.html is missing: build the book first"):
        pdf.bind(browser, folder, folder / "_toc.yml", "A book")
