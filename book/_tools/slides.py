"""Slides of a chapter, or of all (`make slides`): its sentence, goals, figures, verdicts and summary.

Everything is taken from the executed notebook, so that slides never say what the chapter does not. A deck is one
HTML file that loads nothing: arrow keys or scrolling move it, and printing gives a slide a page. Figures that are
drawings stand beside the deck as SVG, to be opened and changed in any drawing program.
"""

import base64
import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

import nbformat
from excerpts import formulas_as_text
from markdown_it import MarkdownIt
from pairs import ROOT, chapters

from vlm_lib.cache import write_atomically
from vlm_lib.claims import MIME
from vlm_lib.claims.chart import effect_strip
from vlm_lib.claims.words import effect_sentence, seeds_sentence
from vlm_lib.figures import html

STOP = "Exercises"
MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass
class Deck:
    """The slides of one chapter as HTML, and its drawings by file name."""

    slides: list[str]
    drawings: dict[str, str]


def plain(text: str) -> str:
    """Markdown of the book as HTML: formulas in readable form, links and citations as their text alone."""
    text = formulas_as_text(text)
    text = re.sub(r"\{cite:[pt]\}`([^`]*)`", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return MARKDOWN.render(text.replace(" .", "."))


def section_of(text: str, pattern: str) -> str:
    """What a pattern captures in a chapter's text; ends with a message where the chapter has no such place."""
    found = re.search(pattern, text, re.DOTALL)
    if found is None:
        raise SystemExit(f"the chapter has no place that matches {pattern!r}")
    return found[1].strip()


def figure(cell: nbformat.NotebookNode, deck: Deck) -> str | None:
    """The picture that a cell shows, with its caption; a drawing is also put beside the deck."""
    about = cell.metadata.get("mystnb", {})
    caption = about.get("figure", {}).get("caption", "")
    alt = escape(about.get("image", {}).get("alt", ""))
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/svg+xml" in data:
            name = f"{about.get('figure', {}).get('name', f'figure-{len(deck.drawings) + 1}')}.svg"
            deck.drawings[name] = data["image/svg+xml"]
            source = base64.b64encode(data["image/svg+xml"].encode()).decode()
            return _picture(f"data:image/svg+xml;base64,{source}", alt, caption)
        if "image/png" in data:
            return _picture(f"data:image/png;base64,{data['image/png'].strip()}", alt, caption)
    return None


def _picture(source: str, alt: str, caption: str) -> str:
    return f'<div class="figure"><img src="{source}" alt="{alt}"></div><small>{plain(caption)}</small>'


def verdict(cell: nbformat.NotebookNode) -> str | None:
    """The measured verdict of a cell, in words and as a strip."""
    for output in cell.get("outputs", []):
        record = output.get("data", {}).get(MIME)
        if record and record["kind"] == "verdict":
            return (
                f"<p>{escape(record['id'])}: {escape(record['hypothesis'])}</p>"
                f'<p><b class="verdict">{record["verdict"]}</b></p>'
                f'<div class="vlm-card strip">{effect_strip(record)}</div>'
                f"<p><small>{escape(effect_sentence(record))} {escape(seeds_sentence(record))}</small></p>"
            )
    return None


def deck_of(notebook: nbformat.NotebookNode) -> Deck:
    """All slides of a chapter, in the chapter's order."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    title = section_of(text, r"^# (.*?)\n")
    sentence = section_of(text, r":::\{admonition\} In one sentence\n:class: tip\n(.*?)\n:::")
    goals = section_of(text, r"After this chapter you can\n(.*?)\n\n\*\*Settles\*\*")
    deck, heading = Deck([f"<h1>{escape(title)}</h1>{plain(sentence)}", f"<h2>Goals</h2>{plain(goals)}"], {}), ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^##+ (.*)$", cell.source, flags=re.MULTILINE) or [heading])[-1]
            if heading.startswith(STOP):
                break
            continue
        for slide in (figure(cell, deck), verdict(cell)):
            if slide is not None:
                deck.slides.append(f"<h2>{escape(heading)}</h2>{slide}")
    summary = section_of(text, r"\n## Summary\n(.*?)(?:\nFurther reading|\nThe clock|\Z)")
    deck.slides.append(f"<h2>Summary</h2>{plain(summary)}")
    return deck


def page(name: str, deck: Deck) -> str:
    """The deck as one HTML file."""
    style, keys = ((ROOT / "book" / "_template" / f"slides.{kind}").read_text() for kind in ("css", "js"))
    cards = html.style(html.asset("vlm_lib.claims", "card.css"))
    sections = "".join(
        f"<section>{slide}<footer>{name} · {number} of {len(deck.slides)}</footer></section>"
        for number, slide in enumerate(deck.slides, 1)
    )
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{name}: slides</title>'
        f"{cards}<style>{style}</style>{sections}<script>{keys}</script></html>"
    )


def main() -> None:
    wanted, target = sys.argv[1], Path(sys.argv[2] or ROOT / "_build" / "slides").absolute()
    names = [path.stem for path in chapters()]
    if wanted and wanted not in names:
        raise SystemExit(f"CHAPTER is {wanted!r}, expected one of {', '.join(names)}")
    for name in [wanted] if wanted else names:
        deck = deck_of(nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4))
        write_atomically(target / f"{name}.html", page(name, deck))
        for file, drawing in deck.drawings.items():
            write_atomically(target / name / file, drawing)
        print(f"{target / name}.html: {len(deck.slides)} slides, {len(deck.drawings)} drawings")


if __name__ == "__main__":
    main()
