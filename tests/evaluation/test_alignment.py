"""Measures of alignment: what each of them ignores, and what none of them may."""

import numpy as np
import pytest
import torch

from vlm_lib.evaluation.alignment import (
    linear_cka,
    nearest_words,
    procrustes_fit,
    retrieval,
    share_of_own_words,
)


@pytest.fixture
def x():
    return torch.randn(80, 6)


@pytest.fixture
def rotation():
    return torch.linalg.qr(torch.randn(6, 6)).Q


def test_what_each_measure_ignores(x, rotation):
    turned = 3 * x @ rotation + 1
    assert retrieval(x, 2 * x + 5) == 1.0
    assert retrieval(x, turned) < 0.5
    fit = procrustes_fit(x[:40], turned[:40], test=x[40:], test_y=turned[40:])
    assert fit == pytest.approx(1.0, abs=1e-4)
    assert linear_cka(x, turned) == pytest.approx(1.0, abs=1e-4)
    stretched = x * torch.tensor([30.0, 1, 1, 1, 1, 1])  # no rotation does this
    assert procrustes_fit(x[:40], stretched[:40], test=x[40:], test_y=stretched[40:]) < 0.99
    assert linear_cka(x, stretched) < 0.9


def test_unrelated_rows_have_no_alignment(x):
    y = torch.randn(80, 6)
    assert retrieval(x, y, 5) < 0.25
    assert procrustes_fit(x[:40], y[:40], test=x[40:], test_y=y[40:]) < 0.3
    assert linear_cka(x, y) < linear_cka(x, x + y)


def test_cka_is_that_of_the_gram_matrices(x):
    y = torch.randn(80, 9)
    centre = np.eye(80) - 1 / 80
    k, m = (centre @ (a @ a.T).numpy() @ centre for a in (x, y))
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert linear_cka(x, y) == pytest.approx(expected, rel=1e-4)


def test_procrustes_beats_every_rotation_that_is_tried(x, rotation):
    y = x @ rotation + 0.3 * torch.randn(80, 6)
    best = procrustes_fit(x, y, test=x, test_y=y)
    for _ in range(50):
        turn = torch.linalg.qr(torch.randn(6, 6)).Q
        residual = (x - x.mean(0)) @ turn - (y - y.mean(0))
        assert 1 - float(residual.square().sum() / (y - y.mean(0)).square().sum()) < best


def test_nearest_words_goes_by_direction():
    table = torch.tensor([[1.0, 0], [0, 1], [10, 0.1]])
    assert nearest_words(torch.tensor([[3.0, 4], [5, 0]]), table).tolist() == [[1], [0]]
    assert nearest_words(torch.tensor([[5.0, 0]]), table, 2).tolist() == [[0, 2]]


def test_share_of_own_words():
    words = torch.tensor([[1, 2], [3, 3]])
    assert share_of_own_words(words, [{1}, {3}]) == 0.75
    assert share_of_own_words(words, [{1}, {3}], order=[1, 0]) == 0.0


def test_bad_input_is_named(x):
    with pytest.raises(ValueError, match="y"):
        linear_cka(x, x[:3])
    with pytest.raises(ValueError, match="y"):
        retrieval(x, x[:, :2])
    with pytest.raises(ValueError, match="test_y"):
        procrustes_fit(x, x, test=x, test_y=x[:2])
    with pytest.raises(ValueError, match="texts"):
        share_of_own_words(torch.zeros(2, 1), [set()])
