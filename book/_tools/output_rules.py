"""What a chapter's stored outputs have to keep to; the rules of its text are in chapter_rules.py."""

import re
from pathlib import Path

import nbformat

MAX_BYTES = 1_500_000
MAX_OUTPUT_COLUMNS = 90
# Between two pictures: about two screens of a page.
MAX_CELLS, MAX_WORDS = 8, 600


def cells_of(text_half: Path) -> list[nbformat.NotebookNode]:
    """The cells with their outputs."""
    return nbformat.read(text_half.with_suffix(".ipynb"), as_version=4).cells


def bad_outputs(text_half: Path) -> list[str]:
    """Stored outputs hold no error, nothing on stderr, and stay small."""
    path, found = text_half.with_suffix(".ipynb"), []
    if path.stat().st_size > MAX_BYTES:
        found.append(f"{path.name} has {path.stat().st_size} bytes, expected at most {MAX_BYTES}")
    for number, cell in enumerate(cells_of(text_half)):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"{path.name}, cell {number}: stored {output.get('name', 'error')} output")
    return found


def plots_without_alt(text_half: Path) -> list[str]:
    """A cell that draws says in its metadata what the drawing shows."""
    return [
        f"{text_half.name}, cell {number}: a figure without mystnb.image.alt in the cell's metadata"
        for number, cell in enumerate(cells_of(text_half))
        if any(kind.startswith("image/") for output in cell.get("outputs", []) for kind in output.get("data", {}))
        and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    ]


def wide_prints(text_half: Path) -> list[str]:
    """Printed lines that a page would have to break or cut."""
    found = []
    for number, cell in enumerate(cells_of(text_half)):
        printed = [output.text for output in cell.get("outputs", []) if output.output_type == "stream"]
        width = max((len(line) for text in printed for line in text.splitlines()), default=0)
        if width > MAX_OUTPUT_COLUMNS:
            found.append(f"{text_half.name}, cell {number}: prints {width} columns, expected {MAX_OUTPUT_COLUMNS}")
    return found


def far_from_a_picture(text_half: Path) -> list[str]:
    """At most 8 code cells, and 600 words, follow each other without a picture, up to the exercises."""
    found, cells, words, heading = [], 0, 0, ""
    for cell in cells_of(text_half):
        text = cell.source if cell.cell_type == "markdown" else ""
        heading = (re.findall(r"^## (.*)$", text, flags=re.MULTILINE) or [heading])[-1]
        if heading.startswith("Exercises"):
            break
        if is_picture(cell):
            cells = words = 0
            continue
        cells += cell.cell_type == "code"
        words += len(text.split())
        if cells > MAX_CELLS or words > MAX_WORDS:
            found.append(f"{text_half.name}: {cells} code cells, {words} words without a picture, in {heading!r}")
            cells = words = 0
    return found


def is_picture(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell shows a reader more than text: a figure, a drawing, a card."""
    if cell.cell_type != "code":
        return bool(re.search(r"!\[|\{(?:figure|image)\}|<(?:img|svg)\b", cell.source))
    shown = [data for output in cell.get("outputs", []) for data in output.get("data", {}).items()]
    return any(
        kind.startswith("image/") or (kind == "text/html" and re.search(r"<(?:figure|svg|img)\b", text))
        for kind, text in shown
    )
