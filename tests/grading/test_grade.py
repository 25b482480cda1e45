"""A class graded from end to end: whatever is handed in, whatever the surroundings, also if it is cut short."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from helpers.handed_in import answered, rows
from helpers.toy_sheet import MOST, RIGHT, toy_sheet

from vlm_lib.grading.grade import grade
from vlm_lib.grading.scores import Result, Score
from vlm_lib.grading.sheet import SheetError
from vlm_lib.grading.written import scores_csv

HALF = {"double-solution": RIGHT["double-solution"]}


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    return toy_sheet(tmp_path_factory.mktemp("sheet"))


def hand_in(folder: Path, name: str | bytes, content: bytes | dict) -> None:
    """Write a file, or the toy sheet's notebook as a JSON document, under a name of any kind."""
    folder.mkdir(exist_ok=True)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / os.fsdecode(name)).write_bytes(data)


def document(sheet: Path, answers: dict[str, str], **cells) -> dict:
    """The sheet with answers, and with other keys in some of its cells; `_` stands for `-` in their names."""
    notebook = json.loads(nbformat.writes(answered(sheet, answers)))
    for cell in notebook["cells"]:
        cell.update(cells.get(cell["id"].replace("-", "_"), {}))
    return notebook


def points(results: list[Result]) -> dict[str, float | None]:
    return {result.student: None if result.problem else result.points for result in results}


@pytest.fixture(scope="module")
def damaged(sheet, tmp_path_factory):
    """A class of which every file is damaged in another way: what each gets, and the folder of the results."""
    folder = tmp_path_factory.mktemp("damaged")
    handed_in = folder / "in"
    right = document(sheet, RIGHT)
    text = json.dumps(right)
    tests = ["double_seen", "double_unseen", "square_seen", "square_unseen"]
    skipped = {name: {"metadata": {"tags": ["skip-execution"]}} for name in tests}
    emptied = {name: {"source": ""} for name in tests}
    cut = {**right, "cells": [cell for cell in right["cells"] if "seen" not in cell["id"]]}
    retyped = {**right, "cells": [cell | {"cell_type": "markdown"} for cell in right["cells"]]}
    for name, content in {
        "right": right,
        "half": document(sheet, HALF),
        "skipped": document(sheet, {}, **skipped),
        "emptied": document(sheet, {}, **emptied),
        "without tests": cut,
        "all markdown": retyped,
        "foreign kernel": {**right, "metadata": {"kernelspec": {"name": "no-such-kernel"}, "vlm_lib": 3}},
        "tag twice": document(sheet, RIGHT, double_solution={"metadata": {"tags": ["a", "a"]}}),
        "nbgrader null": document(sheet, RIGHT, double_solution={"metadata": {"nbgrader": None}}),
        "metadata a list": document(sheet, RIGHT, square_solution={"metadata": []}),
        "long number": text.replace('"nbformat": 4', '"nbformat": ' + "4" * 5000).encode(),
        "source null": document(sheet, RIGHT, double_solution={"source": None}),
        "half an emoji": document(sheet, RIGHT, double_solution={"source": "x = '\ud83d'"}),
        "brackets": b"[" * 100_000,
        "cut short": text[:700].encode(),
        "Latin-1 inside": text.replace("Toy", "Toy \u00e9").encode("latin-1").replace(b"Toy", b"\xe9"),
        "empty": b"",
        "zero byte": document(sheet, RIGHT | {"double-solution": "x = '\0'"}),
    }.items():
        hand_in(handed_in, f"{name}.ipynb", content)
    hand_in(handed_in, b"Andr\xe9.ipynb", right)
    hand_in(handed_in, "王小明.ipynb", right)
    hand_in(handed_in, "=1+1.ipynb", right)
    hand_in(handed_in, "x" * 249 + ".ipynb", right)
    (handed_in / "link.ipynb").symlink_to("nowhere")
    (handed_in / "folder.ipynb").mkdir()
    for name in ("toy_student.ipynb", "toy_student (1).ipynb"):
        hand_in(handed_in / "two", name, document(sheet, HALF))
    out = folder / "out [1]?"
    return points(grade(sheet, handed_in, out, say=lambda line: None)), out


@pytest.mark.parametrize(
    ("expected", "names"),
    [
        (MOST, ["right", "without tests", "all markdown", "foreign kernel", "tag twice", "nbgrader null"]),
        (MOST, ["metadata a list", "long number", "Andr\\xe9", "王小明", "=1+1", "x" * 249]),
        (MOST / 2, ["half", "zero byte"]),
        (0, ["skipped", "emptied"]),
        (None, ["source null", "half an emoji", "brackets", "cut short", "Latin-1 inside", "empty"]),
        (None, ["link", "folder", "two"]),
    ],
)
def test_each_gets_what_its_answers_earn_or_a_reason_why_not(damaged, expected, names):
    earned, out = damaged
    assert {name: earned[name] for name in names} == dict.fromkeys(names, expected)
    table = rows(out)
    for name in names:
        row = table[f"'{name}" if name.startswith("=") else name]
        assert row["status"] == ("graded" if expected is not None else "not graded")
        assert row["remarks"] or expected is not None


def test_nobody_is_forgotten_and_every_student_has_a_report(damaged):
    earned, out = damaged
    assert len(rows(out)) == len(earned) == len(list((out / "reports").iterdir())) == 25
    assert "toy_student (1).ipynb" in rows(out)["two"]["remarks"]
    assert "王小明" in (out / "summary.md").read_text() or (out / "reports" / "王小明.md").is_file()


def test_who_is_not_graded_is_told_why_and_gets_no_zero(damaged):
    text = (damaged[1] / "reports" / "brackets.md").read_text()
    assert "could not be graded" in text
    assert "nested too deeply" in text
    assert "0 of" not in text
    assert rows(damaged[1])["brackets"]["points"] == ""


def test_a_spreadsheet_opens_the_table_as_it_is_meant(damaged):
    data = (damaged[1] / "scores.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert "王小明".encode() in data
    dangerous = ["=1", "+1", "-1", "@x", "\t=1", "＝1"]
    results = [Result(name, "key", (), notes=(name,)) for name in dangerous]
    text = scores_csv(results, (Score("a-seen", None, 1.0),)).removeprefix("\ufeff")
    for row in csv.DictReader(text.splitlines()):
        assert row["student"].startswith("'")
        assert row["remarks"].startswith("'")


def test_surroundings_are_ours_and_noise_costs_nothing(sheet, tmp_path, monkeypatch):
    """A foreign kernelspec, start-up files and settings of the teacher; lines on stderr, from C as well."""
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        '{"argv": ["false", "{connection_file}"], "display_name": "x", "language": "x"}'
    )
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import os; os._exit(1)")
    for name, value in {
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONSTARTUP": str(startup / "00.py"),
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "error",
    }.items():
        monkeypatch.setenv(name, value)
    noisy = {
        "double-solution": "import os, sys, warnings\nwarnings.warn('old')\nassert not os.listdir()\n"
        "display({'text/plain': 3}, raw=True)  # no notebook may hold such an output\n"
        "def double(x):\n    os.write(2, b'native line')\n    print('x', file=sys.stderr)\n    return 2 * x",
        "square-solution": "def square(x):\n    return x * x + 1",
    }
    hand_in(tmp_path / "in", "noisy.ipynb", document(sheet, noisy))
    (result,) = grade(sheet, tmp_path / "in", tmp_path / "out", say=lambda line: None)
    assert [score.points for score in result.scores] == [1, 2, 0, 0, 0]
    assert "AssertionError" in result.scores[2].message  # with PYTHONOPTIMIZE no assert would fail
    assert result.own_errors == ()


def test_the_sheets_own_cell_that_fails_means_not_graded_with_its_error(tmp_path):
    sheet = toy_sheet(tmp_path, setup="import no_such_module")
    hand_in(tmp_path / "in", "ann.ipynb", document(sheet, RIGHT))
    (result,) = grade(sheet, tmp_path / "in", tmp_path / "out", say=lambda line: None)
    assert "own cell setup failed" in result.problem
    assert "No module named 'no_such_module'" in result.problem
    assert "no_such_module" in (tmp_path / "out" / "executed" / "ann.ipynb").read_text()


@pytest.mark.parametrize("name", ["a+b", "[ab]?"])
def test_a_sheet_and_a_folder_may_have_any_name(tmp_path, name):
    sheet = toy_sheet(tmp_path, name)
    hand_in(tmp_path / "in", "ann.ipynb", document(sheet, HALF))
    for run in ("1", "2"):
        assert points(grade(sheet, tmp_path / "in", tmp_path / f"{name}{run}", say=lambda line: None)) == {
            "ann": 3
        }


def test_the_time_limit_and_the_ways_to_end_a_process_cost_one_task(sheet, tmp_path):
    for name, lines in {
        "endless": "while True: pass",
        "stubborn": "while True:\n    try:\n        while True: pass\n    except: pass",
        "leaves": "exit()",
        "dies": "import os; os._exit(1)",
        "talks": "while True: display(1)",
    }.items():
        hand_in(tmp_path / "in", f"{name}.ipynb", document(sheet, RIGHT | {"double-solution": lines}))
    results = grade(sheet, tmp_path / "in", tmp_path / "out", timeout=2, say=lambda line: None)
    assert points(results) == dict.fromkeys(["dies", "endless", "leaves", "stubborn", "talks"], MOST / 2)
    told = {result.student: dict(result.own_errors)["double-solution"] for result in results}
    assert "stopped after 2 s" in told["endless"]
    assert "stopped after 2 s" in told["stubborn"]
    assert "ended the Python process" in told["dies"]
    assert "ended the Python process" in told["leaves"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_is_limited(sheet, tmp_path):
    greedy = "x = bytearray(8 << 30)  # the system would give it, since nothing is written there"
    hand_in(tmp_path / "in", "ann.ipynb", document(sheet, RIGHT | {"double-solution": greedy}))
    (result,) = grade(sheet, tmp_path / "in", tmp_path / "out", say=lambda line: None)
    assert result.points == MOST / 2
    assert "MemoryError" in dict(result.own_errors)["double-solution"]


def start(sheet: Path, folder: Path) -> subprocess.Popen:
    """Grade as `make grade` does, on a terminal that knows Latin-1 only."""
    command = [
        sys.executable,
        "-m",
        "vlm_lib.grading",
        "grade",
        str(sheet),
        str(folder / "in"),
        str(folder / "out"),
    ]
    # processes of this run are found by the folder that they work in
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "TMPDIR": str(folder / "temporary")}
    # what a shell starts in the background ignores Ctrl-C, and so would what it starts
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=listen
    )


def kernels(folder: Path) -> list[str]:
    """The kernels that a run in `folder` has started and that live."""
    found = subprocess.run(
        ["pgrep", "-f", f"ipykernel_launcher.*{folder}/temporary"], capture_output=True, text=True
    )
    return found.stdout.split()


def test_ctrl_c_ends_with_130_keeps_what_is_done_and_the_same_command_goes_on(sheet, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("")
    (tmp_path / "temporary").mkdir()
    wait = f"import os, time\nwhile os.path.exists({str(slow)!r}): time.sleep(0.05)\n"
    hand_in(tmp_path / "in", "a 王.ipynb", document(sheet, HALF))
    hand_in(
        tmp_path / "in", "b.ipynb", document(sheet, HALF | {"square-solution": wait + RIGHT["square-solution"]})
    )
    first = start(sheet, tmp_path)
    while not (tmp_path / "out" / "scores.csv").exists() or not kernels(tmp_path):
        time.sleep(0.05)
        assert first.poll() is None
    first.send_signal(signal.SIGINT)
    _, said = first.communicate()
    assert first.returncode == 130
    assert b"interrupted" in said
    assert b"Traceback" not in said
    assert {name: row["points"] for name, row in rows(tmp_path / "out").items()} == {"a 王": "3"}
    assert kernels(tmp_path) == []
    slow.unlink()
    second = start(sheet, tmp_path)
    printed, said = second.communicate()
    assert (second.returncode, said) == (0, b"")
    assert b"kept: 1 results" in printed
    assert b"[2/2] b: 6 of 6" in printed
    assert {name: row["points"] for name, row in rows(tmp_path / "out").items()} == {"a 王": "3", "b": "6"}


def test_a_result_is_kept_only_while_nothing_it_depends_on_has_changed(sheet, tmp_path):
    def graded(of=sheet, **options):
        said = []
        results = grade(of, tmp_path / "in", tmp_path / "out", say=said.append, **options)
        return points(results), [line for line in said if line.startswith("[")]

    hand_in(tmp_path / "in", "ann.ipynb", document(sheet, HALF))
    hand_in(tmp_path / "in", "bob.ipynb", b"")
    assert graded()[0] == {"ann": 3, "bob": None}
    hand_in(tmp_path / "in", "bob.ipynb", document(sheet, HALF))
    earned, said = graded()
    assert earned == {"ann": 3, "bob": 3}
    assert len(said) == 1  # what was not graded is tried again
    hand_in(tmp_path / "in", "ann.ipynb", document(sheet, RIGHT))
    assert graded()[0] == {"ann": 6, "bob": 3}
    assert graded()[1] == []
    assert len(graded(timeout=20)[1]) == 2
    with pytest.raises(SheetError, match="holds marks of sheet toy, expected those of other"):
        graded(toy_sheet(tmp_path, "other"))


def test_a_table_that_a_teacher_edited_is_kept(sheet, tmp_path):
    hand_in(tmp_path / "in", "ann.ipynb", b"")
    said = []
    for _ in range(2):
        grade(sheet, tmp_path / "in", tmp_path / "out", say=said.append)
    table = tmp_path / "out" / "scores.csv"
    table.write_text("ann has 2 points by hand")
    for _ in range(2):
        grade(sheet, tmp_path / "in", tmp_path / "out", say=said.append)
    assert sum("scores_edited_1.csv" in line for line in said) == 1
    assert (tmp_path / "out" / "scores_edited_1.csv").read_text() == "ann has 2 points by hand"
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")
