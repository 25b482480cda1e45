"""What every chapter has to keep to, as functions that return the violations they find (an empty list is good)."""

import re
import statistics
from pathlib import Path

import jupytext
import nbformat
from jupytext.compare import NotebookDifference, compare_notebooks
from pairs import ROOT, code_of, is_stale

SKELETON = (
    "Where it comes from",
    "The idea in one picture",
    "Symbols",
    "By hand",
    "In vectorised form",
    "The real thing",
    "Invariants",
    "Parity",
    "The experiment",
    "What we saw, and what we did not",
    "Break it",
    "At full scale",
    "Exercises",
    "Summary",
)
MAX_BYTES = 1_000_000


def halves_differ(text_half: Path) -> list[str]:
    """The two halves of a pair must hold the same cells; outputs and ids stand in the .ipynb only."""
    executed_half = text_half.with_suffix(".ipynb")
    if not executed_half.exists():
        return [f"{text_half.name} has no .ipynb beside it: run `make run`"]
    try:
        compare_notebooks(
            jupytext.read(executed_half),
            jupytext.read(text_half),
            fmt="md:myst",
            compare_outputs=False,
            compare_ids=False,
        )
    except NotebookDifference as difference:
        return [f"{text_half.name} and its .ipynb differ, run `make run`: {difference}"]
    return []


def stale(text_half: Path, root: Path = ROOT) -> list[str]:
    """Stored outputs must come from the code that stands in the chapter and in the library now."""
    return (
        [f"{text_half.name}: code changed since it was executed, run `make run`"]
        if is_stale(text_half, root)
        else []
    )


def bad_outputs(text_half: Path) -> list[str]:
    """Stored outputs hold no error, nothing on stderr, and stay small."""
    path = text_half.with_suffix(".ipynb")
    found = []
    if path.stat().st_size > MAX_BYTES:
        found.append(f"{path.name} has {path.stat().st_size} bytes, expected at most {MAX_BYTES}")
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"{path.name}, cell {number}: stored {output.get('name', 'error')} output")
    return found


def missing_sections(text_half: Path) -> list[str]:
    """The skeleton's headings, in order; one may say more (`The experiment: ...`), others may stand between."""
    found, position = [], 0
    headings = re.findall(r"^## (.*)$", text_half.read_text(), flags=re.MULTILINE)
    for title in SKELETON:
        places = [i for i, heading in enumerate(headings) if i >= position and heading.startswith(title)]
        if places:
            position = places[0] + 1
        else:
            found.append(f"{text_half.name}: no section {title!r} in its place")
    return found


def long_cells(text_half: Path) -> list[str]:
    """Median at most 8 lines, nine in ten at most 20, none above 30."""
    lengths = sorted(len(source.splitlines()) for source in code_of(jupytext.read(text_half)))
    found = [f"{text_half.name}: a cell has {n} lines, expected at most 30" for n in lengths if n > 30]
    if statistics.median(lengths) > 8:
        found.append(
            f"{text_half.name}: the median cell has {statistics.median(lengths)} lines, expected at most 8"
        )
    if sum(n > 20 for n in lengths) > len(lengths) / 10:
        found.append(
            f"{text_half.name}: {sum(n > 20 for n in lengths)} of {len(lengths)} cells have more than 20 lines"
        )
    return found


def wrong_first_cell(text_half: Path, root: Path = ROOT) -> list[str]:
    """The first code cell is the template's, so that every chapter installs the library in the same way."""
    expected = (root / "book" / "_template" / "install_cell.py").read_text().rstrip()
    sources = code_of(jupytext.read(text_half))
    return (
        []
        if sources[0] == expected
        else [f"{text_half.name}: first code cell is not book/_template/install_cell.py"]
    )


def hot_links(text_half: Path) -> list[str]:
    """Pictures and scripts are ours and stand in the book; links that a reader clicks may lead anywhere."""
    pattern = r"!\[[^\]]*\]\(\s*https?:[^)]*\)|(?:image|figure)\}\s*https?:\S+|\bsrc\s*=\s*[\"']?https?:\S+"
    return [f"{text_half.name}: fetches {match}" for match in re.findall(pattern, text_half.read_text())]


def silent_code(text_half: Path) -> list[str]:
    """Every code cell comes after a text cell that introduces it."""
    cells = jupytext.read(text_half).cells
    pairs = zip(cells, cells[1:], strict=False)
    return [
        f"{text_half.name}: no text before the cell that starts {after.source.splitlines()[0]!r}"
        for before, after in pairs
        if before.cell_type == after.cell_type == "code"
    ]


def violations(text_half: Path, root: Path = ROOT) -> list[str]:
    """All of the above for one chapter."""
    found = halves_differ(text_half)
    if not found:
        found = stale(text_half, root) + bad_outputs(text_half)
    for check in (missing_sections, long_cells, hot_links, silent_code):
        found += check(text_half)
    return found + wrong_first_cell(text_half, root)
