"""Sheets that cannot be used, and the commands around them."""

import subprocess
import sys

import nbformat
import pytest
from helpers.toy_sheet import PLACEHOLDER, answer_cell, graded_cell, toy_sheet, write_sheet

from vlm_lib.grading.__main__ import main
from vlm_lib.grading.release import grading_version, release, student_version
from vlm_lib.grading.sheet import SheetError, grade_id, read_sheet


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "has no task"),
        ([answer_cell("a-solution")], "has no task"),
        ([graded_cell("a-seen", points=1)], "'a-seen' .* has no cell to answer in"),
        ([answer_cell("a-solution"), *[graded_cell("a-seen", points=1)] * 2], "'a-seen' for several cells"),
        ([answer_cell("a-solution"), graded_cell("a-seen")], "'a-seen' .* has no `points`"),
    ],
)
def test_a_sheet_that_cannot_be_graded_is_refused_with_the_reason(tmp_path, cells, words):
    with pytest.raises(SheetError, match=words):
        read_sheet(write_sheet(tmp_path, cells))


def test_a_solution_without_an_end_is_refused_by_name(tmp_path):
    open_ended = PLACEHOLDER.format("double", "y = 2 * x").replace("### END SOLUTION", "")
    sheet = write_sheet(tmp_path, [answer_cell("a-solution", open_ended), graded_cell("a-seen", points=1)])
    with pytest.raises(SheetError, match=r"cannot use .*toy\.md: no end solution statement found"):
        student_version(read_sheet(sheet))


def test_students_get_neither_solutions_nor_hidden_tests_and_grading_only_the_tests(tmp_path):
    sheet = read_sheet(toy_sheet(tmp_path))
    for_students, for_grading = map(nbformat.writes, (student_version(sheet), grading_version(sheet)))
    assert "2 * x" in nbformat.writes(sheet.notebook)
    for version in (for_students, for_grading):
        assert "2 * x" not in version
        assert "# YOUR CODE HERE" in version
        nbformat.validate(nbformat.reads(version, as_version=4))
    assert "double(10)" in for_grading
    assert "double(10)" not in for_students


def test_a_sheet_of_any_name_can_be_released(tmp_path):
    made = release(toy_sheet(tmp_path, "a+b [1]"), tmp_path / "out [?]")
    assert made.name == "a+b [1]_student.ipynb"
    assert "double-solution" in [grade_id(cell) for cell in nbformat.read(made, as_version=4).cells]


def test_the_commands_end_with_a_message_and_an_exit_code(tmp_path, capsys):
    sheet = str(toy_sheet(tmp_path))
    notebook = tmp_path / "sheet.ipynb"
    notebook.write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "ann.ipynb").write_text("{}")
    out = str(tmp_path / "out")
    for arguments, words in [
        (["release", str(tmp_path / "none.md"), out], "found no file"),
        (["release", str(notebook), out], "expected the sheet's source, an .md file"),
        (["student", str(write_sheet(tmp_path / "no task", []))], "has no task"),
        (["grade", sheet, str(tmp_path / "nowhere"), out], "found no folder"),
        (["grade", sheet, str(tmp_path / "empty"), out], "is empty"),
        (["grade", sheet, str(tmp_path / "full"), str(tmp_path / "no task")], "holds something already"),
        (["grade", sheet, str(tmp_path / "full"), str(tmp_path / "full" / "out")], "in the folder of the subm"),
        (["grade", sheet, str(tmp_path / "full"), out, "--timeout", "0"], "more than 0 s"),
    ]:
        assert main(arguments) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_nbgrader_the_commands_say_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr("vlm_lib.grading.__main__.find_spec", lambda name: None)
    assert main(["release", "34_flamingo", "out"]) == 2
    assert "pip install" in capsys.readouterr().err


def test_the_checkers_need_no_nbgrader():
    code = "import sys, vlm_lib.grading.flamingo; sys.exit('nbgrader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
