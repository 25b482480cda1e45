"""The exercises of chapter 11: right answers are praised, and each typical mistake is told by its own name."""

import pytest
import torch

from vlm_lib.grading.visualbert import chapter


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
