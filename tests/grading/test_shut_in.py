"""What a submission tries beyond its answers costs nobody else anything, and earns nothing."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers.handed_in import answered, rows
from helpers.toy_sheet import MOST, RIGHT, toy_sheet

import vlm_lib
from vlm_lib.grading.grade import grade
from vlm_lib.grading.shut_in import can_be_hidden, has_namespaces, said

HALF = MOST / 2
# what stands before the right answer, and the points that are due: all of them, or those of the other task
ATTEMPTS = {
    "reaches_out": ("import socket\nsocket.create_connection(('192.0.2.1', 80), 2)", HALF),
    "overwrites": ("open({ann!r}, 'w').write('nothing')", HALF),
    "reads_the_class": ("open({ann!r}).read()", HALF),
    "reads_the_sheet": ("open({sheet!r}).read()", HALF),
    "writes_results": ("open({out!r} + '/scores.csv', 'w').write('me,6')", HALF),
    "fills_the_disk": ("for i in range(9): open(f'big{{i}}', 'wb').write(bytes(100 << 20))", HALF),
    "one_large_file": ("open('big', 'wb').write(bytes(300 << 20))", HALF),
    "forks": ("import time\nfor _ in range(5):\n    if os.fork() == 0: os.setsid(); time.sleep(987654)", MOST),
    "spoofs": ("print('[1/1] ann: 0 of 6 (0.1 s)')", MOST),
    "kills": ("os.kill(os.getppid(), 9)\nos.kill(-1, 9)", HALF),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of such attempts around one honest student: lines said, points by student, and the folder."""
    if not has_namespaces():
        pytest.skip(said())
    folder = tmp_path_factory.mktemp("class")
    sheet, handed_in = toy_sheet(folder / "sheet"), folder / "in"
    handed_in.mkdir()
    (folder / "out").mkdir()
    names = {"ann": str(handed_in / "ann.ipynb"), "sheet": str(sheet), "out": str(folder / "out")}
    nbformat.write(answered(sheet, RIGHT), handed_in / "ann.ipynb")
    for name, (code, _) in ATTEMPTS.items():
        tried = f"{code.format(**names)}\n{RIGHT['double-solution']}"
        nbformat.write(answered(sheet, RIGHT | {"double-solution": tried}), handed_in / f"{name}.ipynb")
    lines: list[str] = []
    results = grade(sheet, handed_in, folder / "out", timeout=20, jobs=2, say=lines.append)
    return lines, {result.student: result.points for result in results}, folder


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_earns_what_its_answers_earn_and_no_more(graded, name):
    assert graded[1][name] == ATTEMPTS[name][1]


def test_the_honest_student_gets_all_and_the_table_says_so(graded):
    _, points, folder = graded
    assert points["ann"] == MOST
    assert {name: float(row["points"]) for name, row in rows(folder / "out").items()} == points
    assert nbformat.read(folder / "in" / "ann.ipynb", as_version=4).cells


def test_nothing_that_a_submission_started_lives_on(graded):
    found = subprocess.run(["pgrep", "-f", str(graded[2])], capture_output=True, text=True).stdout
    assert found == ""


def test_the_first_line_says_what_submissions_can_reach(graded):
    assert graded[0][0] == said()
    assert "without a network" in said()


def test_a_folder_that_holds_what_a_process_needs_is_not_hidden(tmp_path):
    inner = tmp_path / "in"
    inner.mkdir()
    library = Path(vlm_lib.__file__).parents[1]
    assert can_be_hidden(tmp_path, library, inner, tmp_path / "missing", Path(sys.prefix)) == [inner, tmp_path]
