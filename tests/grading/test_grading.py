"""Checkers, on every mistake that they know; sheets that cannot be used; submissions before they are executed."""

import json
import subprocess
import sys
import warnings

import nbformat
import pytest
import torch
from helpers.sheet_mistakes import NONSENSE, assert_answers_nonsense, assert_named, known

from vlm_lib.attention.masks import image_index, last_image_mask
from vlm_lib.grading import NotYet, flamingo
from vlm_lib.grading.__main__ import main
from vlm_lib.grading.flamingo import (
    attention as flamingo_attention,
)
from vlm_lib.grading.flamingo import (
    gate as flamingo_gate,
)
from vlm_lib.grading.flamingo import (
    masks as flamingo_masks,
)
from vlm_lib.grading.flamingo import (
    mixture as flamingo_mixture,
)
from vlm_lib.grading.flamingo import (
    reach as flamingo_reach,
)
from vlm_lib.grading.intake import SubmissionError, collect, find_notebook, read_notebook, restore
from vlm_lib.grading.kit.compare import Mistake, diagnose, show
from vlm_lib.grading.scores import Result
from vlm_lib.grading.sheet import SheetError, read_sheet
from vlm_lib.grading.written import student_report

ATTENTION_TABLE = flamingo_attention.ATTENTION_MISTAKES + flamingo_attention.GRADIENT_MISTAKES
GATE_TABLE = flamingo_gate.GATE_MISTAKES + flamingo_gate.CLOSED_MISTAKES
TABLES = [
    (flamingo.check_phi, flamingo_masks.PHI_MISTAKES),
    (flamingo.check_last_image_mask, flamingo_masks.MASK_MISTAKES),
    (flamingo.check_masked_attention, ATTENTION_TABLE),
    (flamingo.check_gated_residual, GATE_TABLE),
    (flamingo.check_mixture_step, flamingo_mixture.MIXTURE_MISTAKES),
    (flamingo.check_reach, flamingo_reach.REACH_MISTAKES),
]
CHECKERS = [check for check, _ in TABLES]


def cumsum(is_image):
    return is_image.cumsum(dim=1)


@pytest.mark.parametrize("seed", [0, 1, 3401])
@pytest.mark.parametrize(("check", "mistake"), known(TABLES))
def test_each_known_mistake_gets_its_own_diagnosis_and_no_other(check, mistake, seed):
    assert_named(check, mistake, seed)


def test_the_messages_of_one_checker_tell_its_mistakes_apart():
    for check, table in TABLES:
        names = [mistake.name for mistake in table]
        assert len(set(names)) == len(names), check.__name__
    assert len({mistake.message for mistake in ATTENTION_TABLE}) == len(ATTENTION_TABLE) - 1  # two ways to one NaN


@pytest.mark.parametrize("check", CHECKERS)
@NONSENSE
def test_nonsense_gets_a_message_and_never_an_error_of_the_checker(check, answer):
    assert_answers_nonsense(check, answer)


def test_an_error_of_the_answer_is_quoted_with_the_input_that_raised_it():
    (message,) = flamingo.check_phi(lambda is_image: is_image.no_such_method()).messages
    assert "AttributeError" in message
    assert "is_image = [[" in message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.tensor(0.12345), "0.123"),
        (torch.tensor([0.5, -2.0]), "[0.5, -2.0]"),
        (torch.tensor([[0.1, 0.2], [0.3, 0.4]]), "[[0.1, 0.2], [0.3, 0.4]]"),
        (torch.tensor([[True, False]]), "[[1, 0]]"),
        (torch.zeros(5), "a tensor of shape [5]"),
    ],
)
def test_arguments_of_any_shape_are_shown_as_a_reader_would_write_them(value, text):
    assert show(value) == text


def test_right_values_of_a_wrong_kind_are_told_apart_from_wrong_values():
    assert "floating-point" in flamingo.check_phi(lambda tags: cumsum(tags).float()).messages[0]
    assert "not a tensor" in flamingo.check_phi(lambda tags: cumsum(tags).tolist()).messages[0]
    mask = flamingo.check_last_image_mask(lambda *case: last_image_mask(*case).long())
    assert "expected booleans" in mask.messages[0]


def test_an_answer_that_changes_its_input_is_told_so():
    def in_place(q, k, v, mask):
        out = flamingo_attention._right_attention(q, k, v, mask)
        mask.fill_(True)
        return out

    assert "changes its input" in flamingo.check_masked_attention(in_place).messages[0]


def loop_with_items(is_image):
    phi = torch.zeros_like(is_image, dtype=torch.long)
    for row in range(is_image.shape[0]):
        for at in range(is_image.shape[1]):
            phi[row, at] = is_image[row, : at + 1].sum()
    return phi


def loop_over_lists(is_image):
    rows = [[sum(row[: at + 1]) for at in range(len(row))] for row in is_image.tolist()]
    return torch.tensor(rows)


def test_a_right_phi_by_a_loop_over_positions_is_noticed():
    assert "loop over positions" in flamingo.check_phi(loop_with_items).messages[0]
    assert "`tolist`" in flamingo.check_phi(loop_over_lists).messages[0]
    assert flamingo.check_phi(cumsum).passed


def test_answers_learned_by_heart_from_the_visible_inputs_fail_on_the_hidden_ones():
    known = {str(case[0].tolist()): image_index(case[0]) for case in flamingo_masks.phi_cases(seed=0)}
    outcome = flamingo.check_phi(
        lambda tags: known.get(str(tags.tolist()), torch.zeros_like(tags).long()), seed=3401
    )
    assert not outcome.passed


def test_nothing_reaches_stderr_where_nbgrader_would_count_it_as_a_failure(capsys):
    def noisy(is_image):
        warnings.warn("deprecated", stacklevel=1)
        print("working", file=sys.stderr)
        return cumsum(is_image)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert flamingo.check_phi(noisy).passed
    assert seen == []
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "working" in captured.out


def test_a_phi_for_one_size_of_batch_only_is_told_so():
    def fixed(is_image):
        if is_image.shape[1] > 9:
            raise RuntimeError("too long for me")
        return cumsum(is_image)

    assert "too long for me" in flamingo.check_phi(fixed).messages[0]


def test_require_prints_what_is_right_and_raises_what_is_not(capsys):
    flamingo.check_phi(cumsum).require()
    assert capsys.readouterr().out.startswith("phi: right")
    with pytest.raises(NotYet, match="starts at 1") as raised:
        flamingo.check_phi(lambda tags: cumsum(tags) + 1).require()
    assert raised.value._render_traceback_() == [str(raised.value)]


def test_a_new_mistake_is_one_entry():
    table = [Mistake("doubled", lambda x: 4 * x, "You double twice.")]
    cases = [(torch.tensor([1, 2]),)]
    report = diagnose("double", lambda x: x * 4, lambda x: 2 * x, table, cases, names=["x"], praise="fine")
    assert report.messages == ("You double twice.",)
    report = diagnose("double", lambda x: x * 5, lambda x: 2 * x, table, cases, names=["x"], praise="fine")
    assert "x = [1, 2]" in report.messages[0]
    assert "the first wrong value, at [0], is 5" in report.messages[0]


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
