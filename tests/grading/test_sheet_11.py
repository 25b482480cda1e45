"""Sheet 11_visualbert through nbgrader itself, and the checkers of the chapter's own exercises."""

import pytest
import torch
from helpers import sheet_class
from helpers.sheet_class import SheetFiles, grade_class, hand_in

from vlm_lib.grading.visualbert import chapter

SHEET = SheetFiles(
    "11_visualbert", {"embedding": 3, "alignment": 4, "mask": 3, "masking": 4, "loss": 3, "pairs": 3}
)
TIMEOUT = 20  # seconds; no right cell takes one

BY_ORDER = """def embed_regions(features, weight, bias, segment, positions, places):
    return F.linear(features, weight, bias) + segment + positions[: features.shape[1]]"""
SUMMED = """def aligned_position(words, positions):
    return (positions[words.clamp(min=0)] * (words >= 0)[..., None]).sum(dim=2)"""
COLUMNS = """def joint_mask(text_mask, region_mask):
    there = torch.cat([text_mask, region_mask], dim=1)
    return there[:, None, :].expand(-1, there.shape[1], -1)"""
ALL_MASKED = """def mask_words(input_ids, chosen, draw, anything, mask_id):
    return input_ids.masked_fill(chosen, mask_id), input_ids.masked_fill(~chosen, -100)"""
MEAN = """def pretraining_loss(word_logits, word_labels, match_logits, match_labels):
    words = word_logits[:, : word_labels.shape[1]].transpose(1, 2)
    return (F.cross_entropy(words, word_labels) + F.cross_entropy(match_logits, match_labels)) / 2"""
EXCHANGED = """def caption_pairs(captions, match, other):
    pairs = []
    for own, same, j in zip(captions, match, other):
        pairs.append((own[0], own[1], 1) if same else (own[0], captions[j][0], 0))
    return pairs"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    mistaken = {"embedding": BY_ORDER, "alignment": SUMMED, "mask": COLUMNS}
    mistaken |= {"masking": ALL_MASKED, "loss": MEAN, "pairs": EXCHANGED}
    handed_in = {
        "reference": SHEET.reference(),
        "untouched": SHEET.untouched(),
        "mistaken": SHEET.answered(**mistaken),
    }
    hand_in(SHEET, folder / "submissions", handed_in)
    return grade_class(SHEET, folder / "submissions", folder / "out", TIMEOUT)


def test_the_reference_solution_gets_full_marks(graded):
    sheet_class.assert_full_marks(graded, "reference", by_hand=4)
    assert sum(SHEET.points.values()) == 20


def test_an_untouched_sheet_gets_nothing(graded):
    sheet_class.assert_nothing_earned(graded, "untouched")
    assert graded.report("untouched").count("still the placeholder") == len(SHEET.points)


def test_a_typical_mistake_in_each_task_is_named(graded):
    assert graded.points("mistaken") == dict.fromkeys(SHEET.points, 0)
    text = graded.report("mistaken")
    for words in (
        "You give region k row k of the positions",
        "You add the positions",
        "Your padded positions attend as well",
        "You mask every chosen word",
        "You take the mean of the two losses",
        "Your labels are exchanged",
    ):
        assert text.count(words) == 1, words


def test_the_committed_student_version_is_up_to_date(tmp_path):
    sheet_class.assert_student_version_is_up_to_date(SHEET, tmp_path)


def test_the_student_version_holds_no_solution_and_no_hidden_test():
    sheet_class.assert_student_version_keeps_secrets(SHEET, "positions[places]", "draw < 0.8", "own[1]")


def test_the_sheet_installs_the_library_as_the_chapters_do():
    sheet_class.assert_installs_the_library_as_chapters_do(SHEET)


def test_each_task_has_statement_points_minutes_and_a_folded_hint():
    sheet_class.assert_tasks_state_points_minutes_and_a_hint(SHEET)


# ---- the chapter's own exercises


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda b, s, p: b + s + p[0], "right"),
        (lambda b, s, p: b, "still missing"),
        (lambda b, s, p: b + s, "f_p is missing"),
        (lambda b, s, p: b + p[0], "f_s is missing"),
        (lambda b, s, p: b + s + p.sum(dim=0), "only row 0"),
        (lambda b, s, p: s + p[0], "the bias itself"),
        (lambda b, s, p: b - s, "expected [7.0, 70.0], got [-1.0, -10.0]"),
    ],
)
def test_folding_is_checked(answer, said):
    assert said in chapter.folded_bias(answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x, n: torch.cat([x, x.new_full((len(x), n), -100)], dim=1), "right"),
        (lambda x, n: x, "as long as the words"),
        (lambda x, n: torch.cat([x.new_full((len(x), n), -100), x], dim=1), "after the words"),
        (lambda x, n: torch.cat([x, x.new_zeros(len(x), n)], dim=1), "0 is a word"),
        (lambda x, n: torch.cat([x, x.new_full((len(x), n), -1)], dim=1), "-1 is no label"),
        (lambda x, n: torch.cat([x, x.new_full((len(x), 1), -100)], dim=1), "per region"),
        (lambda x, n: x[:, :1], "expected"),
    ],
)
def test_labels_for_all_positions_are_checked(answer, said):
    assert said in chapter.labels_for_all(answer)


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        ((1 / 7, 1 / 5), "right"),
        ((1 / 8, 1 / 6), "how many are left"),
        ((1 / 7, 1 / 6), "one of the two"),
        ((0.5, 0.5), "got 0.500"),
    ],
)
def test_blind_guesses_are_checked(guess, said):
    assert said in chapter.best_blind_guess(lambda: guess)
