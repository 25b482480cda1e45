"""Sheet 34_flamingo as a class is graded: a small class in which much goes wrong, graded once for all tests."""

import pytest
from helpers import sheet_class
from helpers.sheet_class import SheetFiles, grade_class, hand_in

from vlm_lib.grading.sheet import find_sheet

SHEET = SheetFiles("34_flamingo", {"phi": 2, "mask": 3, "attention": 4, "gate": 3, "mixture": 4, "reach": 4})
POINTS = SHEET.points
TIMEOUT = 5  # seconds; no right cell takes one

ENDLESS = "def compute_phi(is_image):\n    while True:\n        pass"
# An answer that swallows the interrupt which ends a cell, and one that ends the kernel.
STUBBORN = "while True:\n    try:\n        while True:\n            pass\n    except:\n        pass"
DEADLY = "import os\n\nos._exit(1)"
ALL_PREVIOUS = """def last_image_mask(phi, num_images, tokens_per_image):
    image = torch.arange(1, num_images + 1).repeat_interleave(tokens_per_image)
    return phi[:, :, None] >= image"""
EMPTY_ROWS = """def masked_attention(q, k, v, mask):
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    return scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v"""
ROUND_ROBIN = """def mixture_step(optimizer, losses, weights):
    for loss, weight in zip(losses, weights):
        optimizer.zero_grad()
        (weight * loss()).backward()
        optimizer.step()"""


def without(notebook, *ids):
    notebook.cells = [cell for cell in notebook.cells if cell["id"] not in ids]
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    submissions = folder / "submissions"
    handed_in = {
        "reference": SHEET.reference(),
        "untouched": SHEET.untouched(),
        "mistaken": SHEET.answered(mask=ALL_PREVIOUS, attention=EMPTY_ROWS, mixture=ROUND_ROBIN),
        "endless": without(SHEET.answered(phi=ENDLESS), "setup", "mask-solution", "mask-seen"),
        "stubborn": SHEET.answered(gate=STUBBORN, reach=DEADLY),
    }
    hand_in(SHEET, submissions, handed_in)
    (submissions / "endless" / SHEET.student.name).rename(submissions / "endless.ipynb")  # without a folder
    (submissions / "endless").rmdir()
    (submissions / "broken.ipynb").write_text(SHEET.student.read_text()[:900])
    return grade_class(SHEET, submissions, folder / "out", TIMEOUT)


def test_the_reference_solution_gets_full_marks(graded):
    sheet_class.assert_full_marks(graded, "reference", by_hand=4)


def test_an_untouched_sheet_gets_nothing(graded):
    sheet_class.assert_nothing_earned(graded, "untouched")


def test_three_typical_mistakes_are_each_diagnosed_and_cost_only_their_task(graded):
    assert graded.points("mistaken") == POINTS | {"mask": 0, "attention": 0, "mixture": 0}
    text = graded.report("mistaken")
    for words in ("You allow all previous images", "NaN in rows with no image", "(round-robin)"):
        assert words in text
    assert "1: mask: You allow all previous images" in graded.summary()


def test_an_endless_loop_ends_by_time_out_and_costs_only_its_task(graded):
    assert graded.points("endless") == POINTS | {"phi": 0, "mask": 0}  # mask: its answer was deleted
    assert f"stopped after {TIMEOUT} s" in graded.report("endless")


def test_a_cell_that_cannot_be_interrupted_or_kills_the_kernel_costs_only_its_task(graded):
    assert graded.points("stubborn") == POINTS | {"gate": 0, "reach": 0}
    text = graded.report("stubborn")
    assert f"stopped after {TIMEOUT} s" in text
    assert "ended the Python process" in text


def test_missing_answers_are_named_and_all_else_is_the_sheets_own(graded):
    assert "missing, and graded as the sheet has it: mask-solution" in graded.row("endless")["remarks"]
    assert graded.points("endless")["attention"] == POINTS["attention"]  # the imports were deleted as well


def test_a_broken_notebook_gets_a_message_and_no_points_and_the_rest_goes_on(graded):
    entry = graded.row("broken")
    assert (entry["status"], entry["points"]) == ("not graded", "")
    assert "not valid JSON" in entry["remarks"]
    assert "could not be graded" in graded.report("broken")
    assert len(graded.said) == len(graded.results) == 6


def test_executed_notebooks_and_answers_in_words_are_kept_for_the_teacher(graded):
    assert "NotYet" in (graded.folder / "executed" / "mistaken.ipynb").read_text()
    by_hand = (graded.folder / "by_hand.md").read_text()
    assert "**mistaken** (up to 4 points)" in by_hand
    assert "> A possible answer." in by_hand
    assert "**untouched**" not in by_hand


def test_the_committed_student_version_is_up_to_date(tmp_path):
    sheet_class.assert_student_version_is_up_to_date(SHEET, tmp_path)


def test_the_student_version_holds_no_solution_and_no_hidden_test():
    sheet_class.assert_student_version_keeps_secrets(SHEET, "cumsum")


def test_the_sheet_installs_the_library_as_the_chapters_do():
    sheet_class.assert_installs_the_library_as_chapters_do(SHEET)


def test_each_task_has_statement_points_minutes_and_a_folded_hint():
    sheet_class.assert_tasks_state_points_minutes_and_a_hint(SHEET)


def test_a_sheet_is_found_by_its_name_from_the_root_of_the_project(monkeypatch):
    monkeypatch.chdir(sheet_class.ROOT)
    assert find_sheet("34_flamingo").resolve() == SHEET.source
