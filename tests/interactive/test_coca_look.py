"""The recorded look: maps, caption and scores are the model's own, and the static picture holds them."""

import re

import pytest
import torch
from torch import nn

from vlm_lib.interactive.coca_look import attention_maps, coca_look, record
from vlm_lib.models.coca import CoCa

NAMES = ["cat", "dog", "sun"]
WORDS = ["<pad>", "<bos>", "<eos>", *NAMES]


def to_ids(names):
    return torch.tensor([[1, WORDS.index(name), 2] for name in names])


@pytest.fixture(scope="module")
def recorded():
    torch.manual_seed(0)
    model = CoCa(nn.Identity(), 12, len(WORDS), dim=16, queries=3, positions=8, heads=2).eval()
    image = torch.randn(1, 4, 12)
    look = record(model, image, "dog", NAMES, to_ids=to_ids, to_word=WORDS.__getitem__, end=2, longest=4)
    return model, image, look


def test_words_are_those_that_the_model_writes(recorded):
    model, image, look = recorded
    written = model.caption(model.see(image).tokens, torch.tensor([[1]]), 2, 4)[0].tolist()
    assert look.words == [WORDS[i] for i in written if i != 0]
    chance = model(image, torch.tensor([[1, 0]]))[2][0, 0].softmax(-1).topk(4).values
    assert [n for _, n in look.bars[0]] == pytest.approx((1000 * chance).tolist(), abs=1)


def test_scores_are_cosines_with_the_highest_first(recorded):
    model, image, look = recorded
    cosines = (model.see(image).features @ model.read(to_ids(NAMES)).features.T)[0]
    expected = sorted(zip((1000 * cosines).tolist(), NAMES, strict=True), reverse=True)
    assert [name for name, _, _ in look.scores] == [name for _, name in expected]
    assert [n for _, n, _ in look.scores] == pytest.approx([n for n, _ in expected], abs=1)
    assert [name for name, _, own in look.scores if own] == ["dog"]


def test_maps_sum_to_one_and_the_first_mixes_the_others(recorded):
    maps = attention_maps(*recorded[:2])
    assert maps.shape == (4, 4)
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(4))
    assert (maps[0] <= maps[1:].max(dim=0).values + 1e-6).all()
    assert (maps[0] >= maps[1:].min(dim=0).values - 1e-6).all()


def test_static_picture_holds_caption_name_and_scores(recorded):
    html = coca_look([recorded[2]], torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "dog (its own)" in static
    assert "the drawing is called: dog" in static
    assert static.count("<svg") == 3
    assert static.count("<rect") == 12


def test_refuses_a_name_that_is_no_candidate_and_pictures_that_do_not_match(recorded):
    model, image, look = recorded
    with pytest.raises(ValueError, match="candidates"):
        record(model, image, "cow", NAMES, to_ids=to_ids, to_word=WORDS.__getitem__, end=2, longest=4)
    with pytest.raises(ValueError, match="pictures"):
        coca_look([look], torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
