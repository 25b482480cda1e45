"""Sheet 03_attention as a class is graded: a small class, graded once for all tests."""

import pytest
from helpers import sheet_class
from helpers.sheet_class import SheetFiles, grade_class, hand_in

SHEET = SheetFiles("03_attention", {"heads": 4, "prefix": 3, "reach": 3, "fold": 4, "pool": 3, "cost": 3})
TIMEOUT = 20  # seconds; no right cell takes one

SCALED_BY_MODEL = """def multi_head_attention(q, k, v, mask, heads):
    dim = q.shape[-1]
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = (q @ k.transpose(-2, -1) / dim**0.5).masked_fill(~mask[:, None], float("-inf"))
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)"""
KEEPS_KEYS = """def folded_pool(x, query, key_weight, key_bias, value_weight, value_bias, heads):
    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(-3, -2)
    k, v = split(x @ key_weight.T + key_bias), split(x @ value_weight.T + value_bias)
    weights = (split(query) @ k.transpose(-2, -1) / k.shape[-1] ** 0.5).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)"""
NO_RESIDUAL = """def receptive_field(mask, layers):
    return torch.linalg.matrix_power(mask.double(), layers) > 0"""
PREFIX_SEES_ALL = """def prefix_lm_mask(prefix_len, seq):
    at = torch.arange(seq)
    return (at <= at[:, None]) | (at[:, None] < prefix_len[:, None, None])"""
PADDED_LENGTH = """def attention_pool(x, query, valid):
    weights = (x @ query / x.shape[-1] ** 0.5).softmax(1) * valid
    return (weights[:, :, None] * x).sum(1)"""
ONE_PRODUCT = """def attention_cost(mask, phi, prefix_len, tokens_per_image, dim, heads):
    pairs = {
        "causal": len(phi) * (len(phi) + 1) // 2,
        "prefix_lm": (len(phi) * (len(phi) + 1) + prefix_len * (prefix_len - 1)) // 2,
        "last_image": tokens_per_image * (len(phi) - phi.count(0)),
        "all_previous_images": tokens_per_image * sum(phi),
    }[mask]
    return pairs, pairs * dim"""
RAISES = """def attention_pool(x, query, valid):
    return x @ query.T @ valid"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    mistaken = {"heads": SCALED_BY_MODEL, "prefix": PREFIX_SEES_ALL, "reach": NO_RESIDUAL}
    mistaken |= {"fold": KEEPS_KEYS, "pool": PADDED_LENGTH, "cost": ONE_PRODUCT}
    handed_in = {
        "reference": SHEET.reference(),
        "untouched": SHEET.untouched(),
        "mistaken": SHEET.answered(**mistaken),
        "one_mistake": SHEET.answered(fold=KEEPS_KEYS),
        "raises": SHEET.answered(pool=RAISES),
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
        "You scale by the square root of dim",
        "Your prefix rows see the whole sequence",
        "You left out the residual stream",
        "it still projects every token",
        "You divide by the padded length",
        "You count one matrix product",
    ):
        assert text.count(words) == 1, words
    assert "1: pool: You divide by the padded length" in graded.summary()


def test_one_planted_mistake_costs_only_its_task(graded):
    assert graded.points("one_mistake") == SHEET.points | {"fold": 0}
    assert "each costs two products with a whole weight matrix" in graded.report("one_mistake")


def test_an_error_costs_only_its_task_and_is_quoted(graded):
    assert graded.points("raises") == SHEET.points | {"pool": 0}
    assert "It raised RuntimeError" in graded.report("raises")


def test_the_committed_student_version_is_up_to_date(tmp_path):
    sheet_class.assert_student_version_is_up_to_date(SHEET, tmp_path)


def test_the_student_version_holds_no_solution_and_no_hidden_test():
    sheet_class.assert_student_version_keeps_secrets(SHEET, "einsum(", "masked_fill", "torch.eye")


def test_the_sheet_installs_the_library_as_the_chapters_do():
    sheet_class.assert_installs_the_library_as_chapters_do(SHEET)


def test_each_task_has_statement_points_minutes_and_a_folded_hint():
    sheet_class.assert_tasks_state_points_minutes_and_a_hint(SHEET)
