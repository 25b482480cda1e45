"""Measured and spare seeds: they shift together and never meet."""

import pytest

from vlm_lib import claims


def test_by_default_the_measured_seeds_count_from_zero(monkeypatch):
    monkeypatch.delenv("VLM_SEEDS_FROM", raising=False)
    assert claims.seeds() == (0, 1, 2, 3, 4)
    assert claims.seeds(3) == (0, 1, 2)
    assert claims.spare_seeds() == (1000, 1001)


def test_both_kinds_shift_when_a_chapter_is_verified(monkeypatch):
    monkeypatch.setenv("VLM_SEEDS_FROM", "10")
    assert claims.seeds(3) == (10, 11, 12)
    assert claims.spare_seeds(1) == (1010,)


@pytest.mark.parametrize("start", ["0", "10", "999", "5000"])
def test_no_measured_seed_is_spare(monkeypatch, start):
    monkeypatch.setenv("VLM_SEEDS_FROM", start)
    assert not set(claims.seeds(1000)) & set(claims.spare_seeds(1000))


@pytest.mark.parametrize("n", [0, -1, 1001, 2.0, True, "3"])
def test_bad_numbers_of_seeds_are_refused(n):
    for draw in (claims.seeds, claims.spare_seeds):
        with pytest.raises(ValueError, match="n is .*expected an int from 1 to 1000"):
            draw(n)


@pytest.mark.parametrize("text", ["ten", "-3", "1.5", ""])
def test_a_bad_variable_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("VLM_SEEDS_FROM", text)
    with pytest.raises(ValueError, match="VLM_SEEDS_FROM is"):
        claims.seeds()
