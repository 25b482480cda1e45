"""The whole book as one PDF (`make pdf`): each built page as a browser prints it, bound together.

In front stands a list of contents with page numbers, every page bears its number, and each chapter has a bookmark.
Where a page has an interactive figure the print shows a picture; what is folded is unfolded (book.css, print.js).
"""

import sys
from html import escape
from io import BytesIO
from pathlib import Path

import yaml
from chrome import launch
from pairs import ROOT
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader, PdfWriter

from vlm_lib.cache import write_atomically

PAPER = {"format": "A4", "margin": {"top": "16mm", "bottom": "18mm", "left": "14mm", "right": "14mm"}}
STYLE = """<style>
  @page { size: A4; margin: 0 } body { margin: 0; font: 10pt sans-serif; color: #222 }
  .page { height: 296mm; position: relative; break-after: page }
  .number { position: absolute; bottom: 8mm; width: 100%; text-align: center; font-size: 9pt; color: #555 }
  .contents { padding: 22mm 24mm } h1 { font-size: 22pt } h2 { font-size: 11pt; margin: 5mm 0 1mm }
  .line { display: flex; gap: 4mm } .line span { flex: 1; border-bottom: 1px dotted #999 }
</style>"""


def listed(toc: Path) -> list[tuple[str, list[str]]]:
    """Each part of the table of contents with its pages, the first page as a part of its own without a name."""
    contents = yaml.safe_load(toc.read_text(encoding="utf-8"))
    parts = [("", [contents["root"]])]
    for part in contents["parts"]:
        names = []
        for entry in part["chapters"]:
            names += [entry["file"], *(section["file"] for section in entry.get("sections", []))]
        parts.append((part["caption"], names))
    return parts


def printed(browser: Browser, address: str) -> tuple[str, PdfReader]:
    """A built page on paper, and its title."""
    page = browser.new_page()
    page.goto(address, wait_until="load")
    page.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise.then(() => true)")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.evaluate("document.fonts.ready.then(() => true)")
    title = page.evaluate("document.querySelector('article h1').firstChild.textContent.trim()")
    bound = PdfReader(BytesIO(page.pdf(**PAPER, print_background=True, scale=0.72)))
    page.close()
    return title, bound


def sheets(browser: Browser, body: str) -> PdfReader:
    """Pages of our own: the list of contents, and the numbers that are laid over the others."""
    page = browser.new_page()
    page.set_content(f"<!DOCTYPE html><meta charset='utf-8'>{STYLE}{body}")
    made = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
    page.close()
    return made


def contents(title: str, parts: list[tuple[str, list[tuple[str, int]]]]) -> str:
    """The list of contents, as HTML."""
    lines = []
    for part, pages in parts:
        lines.append(f"<h2>{escape(part)}</h2>" if part else "")
        lines += [f'<div class="line">{escape(name)}<span></span>{number}</div>' for name, number in pages]
    return f'<div class="contents"><h1>{escape(title)}</h1>{"".join(lines)}</div>'


def bind(browser: Browser, html: Path, toc: Path, title: str) -> PdfWriter:
    """The book. Raises: FileNotFoundError where a listed page was not built."""
    parts, number, chapters = [], 1, []
    for caption, names in listed(toc):
        lines = []
        for name in names:
            file = html / f"{name}.html"
            if not file.is_file():
                raise FileNotFoundError(f"{file} is missing: build the book first (make book)")
            name, pages = printed(browser, file.as_uri())
            lines.append((name, number))
            chapters.append((name, pages))
            number += len(pages.pages)
        parts.append((caption, lines))
    writer = PdfWriter()
    writer.append(sheets(browser, contents(title, parts)), "Contents")
    front = len(writer.pages)
    for name, pages in chapters:
        writer.append(pages, name)
    numbers = "".join(f'<div class="page"><div class="number">{i}</div></div>' for i in range(1, number))
    for page, stamp in zip(writer.pages[front:], sheets(browser, numbers).pages, strict=True):
        page.merge_page(stamp)
    writer.add_metadata({"/Title": title})
    writer.compress_identical_objects()
    return writer


def main() -> None:
    target = Path(sys.argv[1] or ROOT / "_build" / "vlm-verified.pdf").absolute()
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    with sync_playwright() as playwright:
        browser = launch(playwright, "make pdf")
        book = bind(browser, ROOT / "_build" / "html", ROOT / "_toc.yml", title)
        browser.close()
    made = BytesIO()
    book.write(made)
    write_atomically(target, made.getvalue())
    print(f"Wrote {target}: {len(book.pages)} pages, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
