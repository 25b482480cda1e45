"""Sheets that cannot be used; submissions before they are executed."""

import json
import subprocess
import sys

import nbformat
import pytest

from vlm_lib.grading.__main__ import main
from vlm_lib.grading.intake import SubmissionError, collect, find_notebook, read_notebook, restore
from vlm_lib.grading.scores import Result
from vlm_lib.grading.sheet import SheetError, read_sheet
from vlm_lib.grading.written import student_report


def sheet_file(folder, cells):
    head = "---\njupytext:\n  text_representation:\n    extension: .md\n    format_name: myst\n---\n\n"
    blocks = [f"```{{code-cell}} ipython3\n---\nnbgrader: {meta}\n---\nx = 1\n```\n" for meta in cells]
    path = folder / "toy.md"
    path.write_text(head + "# Toy\n\n" + "\n".join(blocks))
    return path


ANSWER = "{grade_id: a-solution, solution: true, grade: false, locked: false, schema_version: 3, task: false}"
TEST = "{grade_id: a-seen, solution: false, grade: true, locked: true, points: 1, schema_version: 3, task: false}"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "has no task"),
        ([ANSWER], "has no task"),
        ([TEST], "'a-seen' .* has no cell to answer in"),
        ([ANSWER, TEST, TEST], "'a-seen' for several cells"),
        ([ANSWER, TEST.replace("points: 1, ", "")], "'a-seen' .* has no `points`"),
    ],
)
def test_a_sheet_that_cannot_be_graded_is_refused_with_the_reason(tmp_path, cells, words):
    with pytest.raises(SheetError, match=words):
        read_sheet(sheet_file(tmp_path, cells))


def test_the_commands_end_with_a_message_and_an_exit_code(tmp_path, capsys):
    sheet = str(sheet_file(tmp_path, [ANSWER, TEST]))
    notebook = tmp_path / "sheet.ipynb"
    notebook.write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "ann.ipynb").write_text("{}")
    for arguments, words in [
        (["release", str(tmp_path / "none.md"), str(tmp_path / "out")], "found no file"),
        (["release", str(notebook), str(tmp_path / "out")], "expected the sheet's source, an .md file"),
        (["student", str(sheet_file(tmp_path / "empty", []))], "has no task"),
        (["grade", sheet, str(tmp_path / "nowhere"), str(tmp_path / "out")], "found no folder"),
        (["grade", sheet, str(tmp_path / "full"), str(tmp_path / "full")], "holds something already"),
        (["grade", sheet, str(tmp_path / "full"), str(tmp_path / "out"), "--timeout", "0"], "at least 1 s"),
    ]:
        assert main(arguments) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "empty" / "toy.md").unlink()
    assert main(["grade", sheet, str(tmp_path / "empty"), str(tmp_path / "out")]) == 2
    assert "is empty" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_nbgrader_the_commands_say_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr("vlm_lib.grading.__main__.find_spec", lambda name: None)
    assert main(["release", "34_flamingo", "out"]) == 2
    assert "pip install" in capsys.readouterr().err


def test_the_checkers_need_no_nbgrader():
    code = "import sys, vlm_lib.grading.flamingo; sys.exit('nbgrader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{ not json", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"[]", "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
        (b'{"cells": [{"source": ""}]}', "cell 0 is not a notebook's cell"),
    ],
)
def test_a_broken_notebook_says_how_it_is_broken(tmp_path, content, words):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(SubmissionError, match=words):
        read_notebook(path)


def test_submissions_are_files_or_folders_and_none_shadows_another(tmp_path):
    (tmp_path / "ann").mkdir()
    for name in ("ann.ipynb", "李 雷.ipynb", ".DS_Store"):
        (tmp_path / name).write_text("{}")
    found = collect(tmp_path)
    assert [entry.student for entry in found] == ["ann", "ann", "李 雷"]
    assert [entry.key for entry in found] == ["ann", "ann_2", "李_雷"]


def test_the_notebook_is_found_in_a_folder_by_name_or_because_it_is_the_only_one(tmp_path):
    def folder(name, *files):
        for file in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        return tmp_path / name

    hidden = ".ipynb_checkpoints/toy-checkpoint.ipynb"
    assert find_notebook(folder("a", "mine.ipynb", hidden), "toy").name == "mine.ipynb"
    assert find_notebook(folder("b", "zip/toy_student.ipynb", "scratch.ipynb"), "toy").name == "toy_student.ipynb"
    for path in (
        folder("c", "x.ipynb", "y.ipynb"),
        folder("d", "toy.ipynb", "toy_student.ipynb"),
        folder("e", hidden),
    ):
        with pytest.raises(SubmissionError, match=r"expected one notebook, or one named toy_student\.ipynb"):
            find_notebook(path, "toy")


def test_cells_that_lost_their_metadata_are_known_by_their_ids_and_missing_ones_come_back(tmp_path):
    released = read_sheet(sheet_file(tmp_path, [ANSWER, TEST])).notebook
    mine = {"cell_type": "code", "source": ["x = ", "2"], "metadata": {"id": "a-solution"}}  # as Colab writes it
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": [mine, {**mine, "source": "x = 3"}], "nbformat": 4, "nbformat_minor": 0}))
    notebook = read_notebook(path)
    notes = restore(notebook, released)
    assert [cell["id"] for cell in notebook.cells] == ["a-solution", "a-seen", "own-1"]
    assert notebook.cells[0].source == "x = 2"
    assert notebook.cells[1].metadata.nbgrader.points == 1
    assert "twice" in notes[0]
    assert "missing, and put back as the sheet has it: a-seen" in notes[1]
    nbformat.validate(notebook)
    with pytest.raises(SubmissionError, match="none of the sheet's cells"):
        restore(nbformat.v4.new_notebook(), released)


def test_an_ungraded_submission_is_reported_without_points():
    text = student_report(Result("ann", "ann", problem="not valid JSON"), "toy")
    assert "could not be graded" in text
    assert "not valid JSON" in text
    assert "0 of" not in text
