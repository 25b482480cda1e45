"""Kept MERLOTs: trained once, read back the same, fine-tuned from where training ended."""

from dataclasses import replace

import pytest
import torch

from vlm_lib.zoo import merlot_films
from vlm_lib.zoo.merlot_films import ARMS, TUNED, MerlotRecipe, merlot_model, trained, training_films

SHORT = MerlotRecipe(seed=3, steps=2, batch=2, films=8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))


def test_a_model_is_trained_once_and_read_back_the_same():
    first, again = trained(SHORT), trained(SHORT)
    assert first.card.path == again.card.path
    for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert 0 <= first.card.quality["pairs of shuffled frames in order"] <= 1
    assert not torch.equal(first.embed.weight, merlot_films.small_merlot(3).embed.weight)


def test_fine_tuning_starts_where_training_ended_and_touches_the_order_only():
    start = trained(SHORT)
    after = trained(replace(SHORT, tune=1, tune_lr=1e-5))
    moved = {
        name: float((value - start.state_dict()[name]).abs().max()) for name, value in after.state_dict().items()
    }
    assert max(moved.values()) < 1e-4
    assert moved["frame_frame.out.weight"] > 0
    assert moved["word_bias"] == 0.0


def test_what_is_not_trained_starts_from_the_same_weights_and_has_no_card():
    nothing = merlot_model("from nothing", 3)
    assert nothing.card is None
    assert torch.equal(nothing.embed.weight, merlot_films.small_merlot(3).embed.weight)


def test_arms_are_recipes_and_unknown_ones_are_refused():
    assert set(TUNED) <= set(ARMS)
    assert len({MerlotRecipe(0, **options) for options in ARMS.values()}) == len(ARMS)
    few = training_films(MerlotRecipe(0, **ARMS["four things only"]))
    assert len(set(zip(few.shapes, few.colours, strict=True))) == 4
    with pytest.raises(ValueError, match="arm"):
        merlot_model("all four", 0)
