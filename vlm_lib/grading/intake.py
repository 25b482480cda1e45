"""What is taken from a submission: the text of the answers, and nothing else.

A submitted file is a row of bytes that anything may have happened to. `read_answers` takes from it the text of
those cells that the sheet asks for, by their `grade_id`; `fill` puts these texts into the sheet. Everything else
that is run or counted (tests, metadata, tags, order) is the sheet's own, so damage elsewhere in a file can neither
stop grading nor change a mark.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from vlm_lib.grading.sheet import LABEL, grade_id, is_answer

MOST_BYTES = 100_000_000
KINDS = {type(None): "null", bool: "true or false", float: "a number", list: "a list", dict: "an object"}


class SubmissionError(ValueError):
    """A submission that cannot be graded; the message is for the teacher and the student."""


@dataclass(frozen=True)
class Answers:
    """The texts of a submission's answers by `grade_id`, and what the teacher should know."""

    texts: dict[str, str]
    notes: tuple[str, ...] = ()


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _name(cell: dict, known: set[str]) -> str | None:
    """Which of the sheet's cells this is: by its grade_id, else by its id, which Colab keeps in the metadata."""
    metadata = _dict(cell.get("metadata"))
    names = _dict(metadata.get("nbgrader")).get("grade_id"), cell.get("id"), metadata.get("id")
    return next((name for name in names if isinstance(name, str) and name in known), None)


def _parse(data: bytes) -> dict:
    if len(data) > MOST_BYTES:
        raise SubmissionError(f"the file has {len(data)} bytes, expected at most {MOST_BYTES}")
    try:
        # No number is needed, and an integer of 5,000 digits is more than Python reads: as a float it is infinite.
        parsed = json.loads(data.decode("utf-8-sig"), parse_int=float)
    except UnicodeDecodeError as error:
        raise SubmissionError(f"the file is not a text file ({error}), expected a notebook") from error
    except json.JSONDecodeError as error:
        raise SubmissionError(f"the file is damaged: not valid JSON ({error})") from error
    except RecursionError as error:
        raise SubmissionError("the file is damaged: its brackets are nested too deeply") from error
    if not isinstance(parsed, dict) or not isinstance(parsed.get("cells"), list):
        raise SubmissionError("the file has no list of cells, expected a notebook in format 4")
    return parsed


def _text(name: str, source: Any) -> str:
    """The text of an answer, which a notebook holds as one string or as a list of lines."""
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        kinds = " and ".join(sorted({KINDS[type(line)] for line in lines if not isinstance(line, str)}))
        raise SubmissionError(f"the file is damaged: the cell {name} holds {kinds}, expected text")
    text = "".join(lines)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SubmissionError(f"the file is damaged: the cell {name} holds half of a character") from error
    return text


def _one_text(name: str, sources: list, placeholder: str) -> str:
    """The text of an answer of which a notebook may hold copies; only the student knows which of two is meant."""
    written = dict.fromkeys(_text(name, source) for source in sources)
    written.pop(placeholder, None)
    if len(written) > 1:
        raise SubmissionError(f"the cell {name} stands there {len(written)} times, with different answers")
    return next(iter(written), placeholder)


def _check_sheet(label: Any, found: set[str], released: NotebookNode, known: set[str]) -> None:
    """Refuse another sheet's notebook; ids such as `reach-solution` occur in several sheets."""
    name = released.metadata[LABEL]["sheet"]
    if isinstance(label, str):
        if label != name:
            raise SubmissionError(f"this is a notebook of the sheet {label[:60]!r}, expected {name!r}")
    elif 2 * len(found) < len(known):
        raise SubmissionError(
            f"{len(found)} of the {len(known)} cells of the sheet {name} are in this notebook, and it does not "
            "say which sheet it is: is it another one?"
        )


def read_answers(data: bytes, released: NotebookNode) -> Answers:
    """The answers in a submitted file to the sheet `released`. Raises: SubmissionError, and nothing else."""
    notebook = _parse(data)
    known = {name for name in map(grade_id, released.cells) if name}
    ids = [cell["id"] for cell in released.cells]
    placeholders = {grade_id(cell): cell.source for cell in released.cells if is_answer(cell)}
    sources: dict[str, list] = defaultdict(list)
    own = 0
    for cell in map(_dict, notebook["cells"]):
        name = _name(cell, known)
        if name:
            sources[name].append(cell.get("source"))
        elif cell.get("cell_type") == "code" and cell.get("source") and cell.get("id") not in ids:
            own += 1
    label = _dict(_dict(notebook.get("metadata")).get(LABEL)).get("sheet")
    _check_sheet(label, set(sources), released, known)
    texts = {
        name: _one_text(name, sources[name], placeholder)
        for name, placeholder in placeholders.items()
        if name in sources
    }
    if not texts:
        raise SubmissionError("none of the sheet's cells for answers is in this notebook")
    notes = []
    missing = [name for name in placeholders if name not in texts]
    if missing:
        notes.append(f"missing, and graded as the sheet has it: {', '.join(missing)}")
    if own:
        notes.append(f"added code cells, not run: {own}; only the sheet's cells for answers are graded")
    return Answers(texts, tuple(notes))


def fill(released: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """The notebook to be run: the sheet `released`, with the texts of the answers in their cells."""
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        if is_answer(cell):
            cell.source = answers.get(grade_id(cell), cell.source)
    return notebook
