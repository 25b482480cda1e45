"""What every chapter has to keep to, as functions that return the violations they find (an empty list is good)."""

import re
import statistics
from pathlib import Path

import jupytext
import output_rules
from jupytext.compare import NotebookDifference, compare_notebooks
from pairs import ROOT, code_of, is_stale

SKELETON = (
    "See it work",
    "Where it comes from",
    "The idea in one picture",
    "Symbols",
    "By hand",
    "In vectorised form",
    "The real thing",
    "Invariants",
    "Parity",
    "The experiment",
    "The notes, answered",
    "What we saw, and what we did not",
    "Break it",
    "At full scale",
    "Exercises",
    "Summary",
)
# A chapter of the first edition says `vlm: {edition: 1}` in its metadata. Until it is rewritten, these sections
# and the rules in SECOND_EDITION are not asked of it.
NEW_SECTIONS = ("See it work", "The notes, answered")
MAX_CODE_COLUMNS = 84


def edition(text_half: Path) -> int:
    """Which edition of the rules a chapter keeps to: 1 where its metadata says so, else 2."""
    return jupytext.read(text_half).metadata.get("vlm", {}).get("edition", 2)


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


def missing_sections(text_half: Path) -> list[str]:
    """The skeleton's headings, in order; one may say more (`The experiment: ...`), others may stand between."""
    found, position = [], 0
    headings = re.findall(r"^## (.*)$", text_half.read_text(), flags=re.MULTILINE)
    skipped = NEW_SECTIONS if edition(text_half) == 1 else ()
    for title in (title for title in SKELETON if title not in skipped):
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


def wrong_first_cell(text_half: Path) -> list[str]:
    """The first code cell is the template's, so that every chapter installs the library in the same way."""
    expected = (text_half.parents[1] / "book" / "_template" / "install_cell.py").read_text().rstrip()
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


def wide_code(text_half: Path) -> list[str]:
    """Lines that a page would have to break; the install cell is left out, it holds an address of any length."""
    lines = [line for source in code_of(jupytext.read(text_half))[1:] for line in source.splitlines()]
    wide = [line.strip() for line in lines if len(line) > MAX_CODE_COLUMNS]
    return [f"{text_half.name}: {len(wide)} code lines over {MAX_CODE_COLUMNS} columns: {wide}"] if wide else []


EVERY_EDITION = (missing_sections, long_cells, hot_links, silent_code, wrong_first_cell)
SECOND_EDITION = (wide_code,)
OUTPUTS = (output_rules.bad_outputs, output_rules.plots_without_alt)
OUTPUTS_SECOND_EDITION = (output_rules.wide_prints, output_rules.far_from_a_picture)


def violations(text_half: Path, root: Path = ROOT) -> list[str]:
    """All that one chapter breaks; outputs are looked at where they belong to the text beside them."""
    second, found = edition(text_half) > 1, halves_differ(text_half)
    checks = [*EVERY_EDITION, *(SECOND_EDITION if second else ())]
    if not found:
        found = stale(text_half, root)
        checks += [*OUTPUTS, *(OUTPUTS_SECOND_EDITION if second else ())]
    return found + [violation for check in checks for violation in check(text_half)]
