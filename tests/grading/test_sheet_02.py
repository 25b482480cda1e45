"""Sheet 02_contrastive as a class is graded: a small class, graded once for all tests."""

import pytest
from helpers import sheet_class
from helpers.sheet_class import SheetFiles, grade_class, hand_in

SHEET = SheetFiles(
    "02_contrastive", {"loss": 4, "gradient": 4, "zeroshot": 3, "duplicates": 3, "recall": 2, "stream": 4}
)
TIMEOUT = 20  # seconds; no right cell takes one

ONE_DIRECTION = """def clip_loss(image_features, text_features, log_scale):
    logits = log_scale.exp() * F.normalize(image_features) @ F.normalize(text_features).T
    return F.cross_entropy(logits, torch.arange(len(logits)))"""
SCALE_FORGOTTEN = """def loss_gradient(similarity, scale):
    z = scale * similarity
    return (z.softmax(1) + z.softmax(0) - 2 * torch.eye(len(z))) / (2 * len(z))"""
ONCE_NORMALISED = """def zero_shot(image_features, prompt_features):
    return (image_features @ F.normalize(prompt_features, dim=-1).mean(1).T).argmax(1)"""
MASKED = """def loss_with_duplicates(logits, labels):
    duplicate = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)
    z, right = logits.masked_fill(duplicate, float("-inf")), torch.arange(len(labels))
    return (F.cross_entropy(z, right) + F.cross_entropy(z.T, right)) / 2"""
LUCKY = """def recall_at_k(similarity, k):
    best = similarity.topk(k, dim=1).indices
    return (best == torch.arange(len(best))[:, None]).any(dim=1).float().mean().item()"""
UNSHIFTED = """def streaming_log_sum_exp(blocks):
    total = 0
    for block in blocks:
        total = total + block.exp().sum(dim=1)
    return total.log()"""
RAISES = """def zero_shot(image_features, prompt_features):
    return image_features @ prompt_features"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    mistaken = {"loss": ONE_DIRECTION, "gradient": SCALE_FORGOTTEN, "zeroshot": ONCE_NORMALISED}
    mistaken |= {"duplicates": MASKED, "recall": LUCKY, "stream": UNSHIFTED}
    handed_in = {
        "reference": SHEET.reference(),
        "untouched": SHEET.untouched(),
        "mistaken": SHEET.answered(**mistaken),
        "raises": SHEET.answered(zeroshot=RAISES),
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
        "Only images pick texts here",
        "You forgot the factor scale in front",
        "You do not normalise the average again",
        "You take the duplicates out of the softmax",
        "Ties count for the model",
        "You take exp of the scores as they are",
    ):
        assert text.count(words) == 1, words
    assert "1: recall: Ties count for the model" in graded.summary()


def test_an_error_costs_only_its_task_and_is_quoted(graded):
    assert graded.points("raises") == SHEET.points | {"zeroshot": 0}
    assert "It raised RuntimeError" in graded.report("raises")


def test_the_committed_student_version_is_up_to_date(tmp_path):
    sheet_class.assert_student_version_is_up_to_date(SHEET, tmp_path)


def test_the_student_version_holds_no_solution_and_no_hidden_test():
    sheet_class.assert_student_version_keeps_secrets(SHEET, "cross_entropy(logits", "amax", "softmax(dim=0)")


def test_the_sheet_installs_the_library_as_the_chapters_do():
    sheet_class.assert_installs_the_library_as_chapters_do(SHEET)


def test_each_task_has_statement_points_minutes_and_a_folded_hint():
    sheet_class.assert_tasks_state_points_minutes_and_a_hint(SHEET)
