"""Reading submissions: what is taken from a file, and a thousand damaged copies of a right one.

Why no damage can earn a point. Points are what the tests of the notebook give that `fill` makes, and
`assert_nothing_but_answers` shows for every damaged copy that this notebook is the sheet's own, apart from the
sources of answer cells: the same tests, metadata, tags, order. So a submission earns what the texts of its answers
earn. Each of these texts is one that the file holds under "source", in a cell that bears the answer's id, or else
the sheet's placeholder, which earns nothing.
"""

import copy
import itertools
import json
import random

import nbformat
import pytest
from helpers.handed_in import answered
from helpers.tasks import EXERCISES
from helpers.toy_sheet import RIGHT, toy_sheet

from vlm_lib.grading.intake import SubmissionError, fill, read_answers
from vlm_lib.grading.release import grading_version
from vlm_lib.grading.sheet import read_sheet

VALUES = [None, 0, -1.5, True, "", "x", "\ud83d", [], {}, [None], [[]], {"x": 1}, ["skip-execution"] * 2]
TWICE = "\x01"  # ends a key that is to stand in its object twice


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    return toy_sheet(tmp_path_factory.mktemp("sheet"))


@pytest.fixture(scope="module")
def released(sheet):
    return grading_version(read_sheet(sheet))


@pytest.fixture(scope="module")
def right(sheet):
    return json.loads(nbformat.writes(answered(sheet, RIGHT)))


@pytest.fixture(scope="module")
def untouched(sheet):
    return json.loads(nbformat.writes(answered(sheet, {})))


def written(document) -> bytes:
    return json.dumps(document).replace(json.dumps(TWICE)[1:-1], "").encode()


def cell(document, name):
    (found,) = [entry for entry in document["cells"] if entry["id"] == name]
    return found


def changed(document, **cells) -> bytes:
    """The document with other keys in some of its cells; `_` stands for `-` in their names."""
    document = copy.deepcopy(document)
    for name, keys in cells.items():
        cell(document, name.replace("_", "-")).update(keys)
    return written(document)


def sources_of(data: bytes, name: str) -> list[str]:
    """The texts under "source" in all objects of a file that mention `name`."""
    texts = []

    def visit(value):
        if isinstance(value, dict) and "source" in value and name in json.dumps(value):
            lines = value["source"]
            texts.append("".join(lines) if isinstance(lines, list) else lines)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            visit(inner)

    visit(json.loads(data.decode("utf-8-sig")))
    return texts


def assert_nothing_but_answers(data: bytes, released) -> bool:
    """Read a damaged file, check what is taken from it, and say whether it can be graded."""
    try:
        answers = read_answers(data, released)
    except SubmissionError:
        return False
    filled = fill(released, answers.texts)
    for ours, theirs in zip(released.cells, filled.cells, strict=True):
        assert {**theirs, "source": ""} == {**ours, "source": ""}
        if theirs.source != ours.source:
            assert ours.metadata.nbgrader.solution
            assert theirs.source in sources_of(data, ours.metadata.nbgrader.grade_id)
    assert filled.metadata == released.metadata
    return True


def places(value, path=()):
    """The paths of all values inside a JSON document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from places(inner, (*path, key))


def structural_damage(document):
    """Copies of a document in which one value is missing, null, of another type, or there twice."""
    for *path, key in list(places(document)):
        for damage in ("remove", "twice", *VALUES):
            damaged = copy.deepcopy(document)
            inside = damaged
            for step in path:
                inside = inside[step]
            if damage == "remove":
                del inside[key]
            elif damage != "twice":
                inside[key] = damage
            elif isinstance(inside, list):
                inside.insert(key, copy.deepcopy(inside[key]))
            else:
                inside[f"{key}{TWICE}"] = None
            yield written(damaged)


def broken_bytes(data: bytes, count: int):
    """Copies with bytes flipped, cut out, put in, or the end missing."""
    draw = random.Random(0)
    for number in range(count):
        damaged = bytearray(data)
        at = draw.randrange(len(data))
        if number % 4 == 0:
            for _ in range(draw.randint(1, 8)):
                damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        elif number % 4 == 1:
            del damaged[at : at + draw.randint(1, 200)]
        elif number % 4 == 2:
            damaged[at:at] = draw.randbytes(draw.randint(1, 20))
        else:
            del damaged[at:]
        yield bytes(damaged)


@pytest.mark.parametrize("state", ["right", "untouched"])
def test_whatever_is_damaged_only_texts_of_answers_are_taken(state, released, request):
    document = request.getfixturevalue(state)
    damaged = [*structural_damage(document), *broken_bytes(json.dumps(document).encode(), 1000)]
    gradable = sum(assert_nothing_but_answers(data, released) for data in damaged)
    assert len(damaged) > 3000
    assert gradable > len(damaged) / 2  # damage elsewhere than in an answer is no reason to refuse it
    assert gradable < len(damaged)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{ not json", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"[]", "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"cells": []}', "0 of the 8 cells"),
        (b'{"cells": [], "metadata": {"vlm_lib": {"sheet": "toy"}}}', "none of the sheet's cells for answers"),
        (b" " * 100_000_001, "expected at most"),
    ],
)
def test_a_broken_file_says_how_it_is_broken(content, words, released):
    with pytest.raises(SubmissionError, match=words):
        read_answers(content, released)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "double-solution holds null, expected text"),
        (["y = 1", 3], "double-solution holds a number, expected text"),
        ({"a": 1}, "double-solution holds an object, expected text"),
        ("y = '\ud83d'", "double-solution holds half of a character"),
    ],
)
def test_an_answer_that_is_no_text_is_not_graded(source, words, right, released):
    with pytest.raises(SubmissionError, match=words):
        read_answers(changed(right, double_solution={"source": source}), released)


@pytest.mark.parametrize(
    "keys",
    [
        {"metadata": {"nbgrader": None}},
        {"metadata": []},
        {"metadata": {"tags": ["skip-execution"] * 2}},
        {"execution_count": None, "outputs": None},
        {"cell_type": "markdown"},
        {"attachments": "\ud83d"},
    ],
)
def test_damage_around_an_answer_leaves_its_text(keys, right, released):
    answers = read_answers(changed(right, double_solution=keys, square_seen=keys), released)
    assert answers.texts["double-solution"] == RIGHT["double-solution"]


def test_a_number_that_python_refuses_to_read_is_not_needed(right, released):
    data = changed(right, setup={"execution_count": 0}).replace(b'"execution_count": 0', b'"n": ' + b"9" * 5000)
    assert b"9" * 5000 in data
    assert read_answers(data, released).texts["square-solution"] == RIGHT["square-solution"]


def test_answers_are_known_by_the_id_that_colab_keeps_in_the_metadata(right, released):
    document = copy.deepcopy(right)
    del document["metadata"]["vlm_lib"]
    for entry in document["cells"]:
        entry["metadata"] = {"id": entry.pop("id")}
    assert read_answers(written(document), released).texts.items() >= RIGHT.items()


def test_of_an_answer_and_its_untouched_copy_the_answer_counts_and_of_two_answers_none(right, untouched, released):
    copied = cell(untouched, "double-solution")
    twice = {**right, "cells": [copied, *right["cells"], copied]}
    assert read_answers(written(twice), released).texts["double-solution"] == RIGHT["double-solution"]
    other = {**copied, "source": "def double(x):\n    return 3 * x"}
    with pytest.raises(SubmissionError, match="double-solution stands there 2 times, with different answers"):
        read_answers(written({**right, "cells": [*right["cells"], other]}), released)


def test_missing_answers_and_added_cells_are_told(right, released):
    kept = [entry for entry in right["cells"] if entry["id"] != "double-solution"]
    added = {"cell_type": "code", "id": "mine", "metadata": {}, "source": "helper = 1"}
    answers = read_answers(written({**right, "cells": [*kept, added]}), released)
    assert "double-solution" not in answers.texts
    assert answers.notes == (
        "missing, and graded as the sheet has it: double-solution",
        "added code cells, not run: 1; only the sheet's cells for answers are graded",
    )


@pytest.mark.parametrize("labelled", [True, False])
def test_the_notebook_of_another_sheet_is_refused_although_ids_repeat(labelled):
    paths = sorted(EXERCISES.glob("*.md"))
    for theirs, ours in itertools.permutations(paths, 2):
        notebook = answered(theirs, {})
        if not labelled:
            del notebook.metadata["vlm_lib"]
        expected = theirs.stem if labelled else "is it another one"
        with pytest.raises(SubmissionError, match=expected):
            read_answers(nbformat.writes(notebook).encode(), grading_version(read_sheet(ours)))
