"""The recorded prompts: answers are the models' own, and the static picture holds them."""

import re

import pytest
import torch

from vlm_lib.data import album, things
from vlm_lib.interactive.visual_prompt import record, visual_prompt
from vlm_lib.models.frozen import Frozen, VisualPrefix, small_lm, small_trunk

TOKENIZER = things.things_tokenizer()
PICTURES = torch.rand(48, 6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
ROWS = (0, 20, 35)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    lm = small_lm(len(TOKENIZER), 0, width=16, layers=1, heads=2)
    ends = {"image_id": TOKENIZER.convert_tokens_to_ids("<image>"), "pad_id": TOKENIZER.pad_token_id}
    return Frozen(VisualPrefix(small_trunk(), 96, 16), lm, **ends).eval()


@pytest.fixture(scope="module")
def recording(model):
    games = [album.naming_games(PICTURES, ROWS[:2], 1, shots, seed=0) for shots in (0, 1)]
    return record({"ours": model}, PICTURES, ROWS, games)


def test_answers_are_the_models_likeliest_words(model, recording):
    ids = TOKENIZER("<bos> <image> <image> : it is a kind of", return_tensors="pt").input_ids
    chance = model(PICTURES[20, :1], ids)[0, -1].softmax(-1).topk(4)
    bars = recording.answers["ours"]["kind"][1]
    assert [word for word, _ in bars] == TOKENIZER.convert_ids_to_tokens(chance.indices.tolist())
    assert [n for _, n in bars] == pytest.approx((1000 * chance.values).tolist(), abs=1)


def test_the_last_picture_is_black_and_every_choice_is_there(recording):
    assert len(recording.pictures) == 4
    assert all(len(bars) == 4 for bars in recording.answers["ours"].values())
    assert {shots: len(game) for shots, game in recording.games.items()} == {0: 0, 1: 2}
    assert all(len(bars) == 3 for bars in recording.naming["ours"].values())
    assert set(recording.taught) == {word for _, word in recording.games[1]}


def test_static_picture_holds_what_the_first_model_says(recording):
    html = visual_prompt(recording).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert static.count("<img") == 4
    assert all(bars[0][0] in static for bars in recording.answers["ours"]["kind"])


def test_refuses_one_thing_alone(model):
    with pytest.raises(ValueError, match="rows"):
        record({"ours": model}, PICTURES, ROWS[:1], [])
