"""The recorded answers are the model's own, in every layout, and the static picture holds the first of them."""

import re

import pytest
import torch

from vlm_lib.evaluation.film_order import before
from vlm_lib.interactive.film_order import FilmAnswers, film_order, record
from vlm_lib.models.hybrid_encoder import HybridEncoder
from vlm_lib.models.merlot import Merlot


@pytest.fixture(scope="module")
def recorded():
    torch.manual_seed(0)
    encoder = HybridEncoder(16, blocks=(1, 1), width=8, groups=4, layers=1, heads=2, side=4)
    model = Merlot(encoder, 30, 16, tokens=5, segments=4, words=8, layers=1, heads=2).eval()
    frames, ids = torch.rand(4, 3, 32, 32), torch.randint(2, 30, (4, 8))
    return model, frames, ids, record(model, frames, ids)


@torch.no_grad()
def test_an_answer_is_what_the_model_says_of_the_frames_laid_out_so(recorded):
    model, frames, ids, found = recorded
    assert len({tuple(layout) for layout in found.layouts}) == 24
    for i in (5, 17):
        laid = frames[found.layouts[i]][None]
        joined = model.join(model.see(laid)[0], ids[None], torch.tensor([[4, 5, 6, 7]]))
        expected = 1000 * before(model.pair_logits(joined)[1])[0]
        assert torch.tensor(found.matrices[i], dtype=torch.float).sub(expected).abs().max() <= 0.51
        assert sorted(found.orders[i]) == [0, 1, 2, 3]


def test_static_picture_holds_frames_matrix_and_order(recorded):
    answers = FilmAnswers("it grows", torch.zeros(4, 3, 8, 8, dtype=torch.uint8), list("abcd"), list("efgh"),
                          recorded[3], recorded[3])  # fmt: skip
    html = film_order([answers]).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert static.count("<img") == 8
    assert static.count(" %</td>") == 12


def test_bad_input_is_named(recorded):
    model, frames, ids, _ = recorded
    with pytest.raises(ValueError, match="frames"):
        record(model, frames[:3], ids)
    with pytest.raises(ValueError, match="ids"):
        record(model, frames, ids[:3])
    with pytest.raises(ValueError, match="films"):
        film_order([])
