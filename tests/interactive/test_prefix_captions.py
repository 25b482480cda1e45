"""The recorded captions: the model's own, and the static picture holds them."""

import re

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.interactive.prefix_captions import Setting, prefix_captions, record
from vlm_lib.models.clipcap import ClipCap, LinearMapper

PICTURES = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
TRUTH = ["a ring .", "a star ."]


def setting(k):
    return Setting(["a ring .", "a ring ."], [[["ring", "a"]] * k] * 2, 0.25)


def test_record_is_what_the_model_says_and_its_vectors_nearest_words():
    tokenizer = world_tokenizer(worlds=("scenes",))
    lm = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_positions=32, n_embd=8, n_layer=1, n_head=2))
    model, features = ClipCap(LinearMapper(5, 8, 3), lm, tokenizer), torch.randn(2, 5)
    got = record(model, features, answers=0.12345, max_tokens=4)
    assert got.captions == model.captions(features, max_tokens=4)
    assert got.answers == 0.123
    table, vectors = lm.get_input_embeddings().weight, model.mapper(features)
    for picture, words in zip(vectors, got.words, strict=True):
        for vector, near in zip(picture, words, strict=True):
            cosine = torch.cosine_similarity(vector[None], table)
            assert near == [tokenizer.decode([i]) for i in cosine.topk(3).indices.tolist()]


def test_the_static_picture_holds_captions_truth_and_meter():
    settings = {lm: {1: setting(1), 4: setting(4)} for lm in ("frozen", "tuned")}
    html = prefix_captions(settings, PICTURES, TRUTH, before=0.7, guess=0.3).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert static.count("a ring .") >= 5
    assert "25 % of text questions" in static
    assert "70 %" in static


def test_settings_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="lengths"):
        prefix_captions({"frozen": {1: setting(1)}, "tuned": {4: setting(4)}}, PICTURES, TRUTH, before=1, guess=0)
    with pytest.raises(ValueError, match="2 captions, 2 pictures, 1 true"):
        prefix_captions({"frozen": {1: setting(1)}}, PICTURES, TRUTH[:1], before=1, guess=0)
