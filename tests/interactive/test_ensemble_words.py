"""The recorded bars: what the model's two terms and their sum give, and the static picture holds them."""

import re

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.interactive.ensemble_words import Step, ensemble_words, record
from vlm_lib.models.vc_gpt import VCGPT

PICTURES = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
TRUTH = ["a ring .", "a star ."]


def caption(word):
    return [Step("a", [("a", 900, 500, 950), (word, 100, 500, 50)]), Step(word, [(word, 10, 800, 700)])]


@pytest.fixture
def model():
    torch.manual_seed(0)
    tokenizer = world_tokenizer(worlds=("scenes",))
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=32, n_embd=8, n_layer=1, n_head=2)
    return VCGPT(GPT2LMHeadModel(config).eval(), tokenizer, image_dim=5, heads=2).eval()


@torch.no_grad()
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_a_step_holds_both_opinions_and_their_product(model, weight):
    tokens = torch.randn(1, 3, 5)
    steps = record(model, tokens, weight=weight, longest=4)
    ids = torch.tensor([[model.tokenizer.bos_token_id]])
    for step in steps:
        language, fusion = (term[0, -1].double() for term in model.terms(tokens, ids))
        opinions = language.softmax(0), (weight * fusion).softmax(0)
        product = opinions[0] * opinions[1] / (opinions[0] * opinions[1]).sum()
        rows = [model.tokenizer.convert_tokens_to_ids(word) for word, *_ in step.bars]
        for row, (_, *shown) in zip(rows, step.bars, strict=True):
            expected = [1000 * float(chance[row]) for chance in (*opinions, product)]
            assert shown == pytest.approx(expected, abs=0.51)
        assert step.word == model.tokenizer.decode([int(product.argmax())]) == step.bars[0][0]
        for chance in opinions if weight else opinions[:1]:
            assert int(chance.argmax()) in rows
        ids = torch.cat([ids, product.argmax().view(1, 1)], dim=1)


def test_at_weight_one_it_writes_the_models_caption(model):
    tokens = torch.randn(1, 3, 5)
    words = [step.word for step in record(model, tokens, longest=6)]
    assert " ".join(word for word in words if word != "<eos>") == model.captions(tokens, max_tokens=6)[0]


def test_the_static_picture_holds_words_and_chances():
    writings = {"frozen": {0: [caption("star")] * 2, 1: [caption("ring"), caption("star")]}}
    html = ensemble_words(writings, PICTURES, TRUTH).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "ring 80 %" in static
    assert "star" not in static
    assert 'alt="a ring ."' in static


def test_recordings_that_do_not_match_are_refused(model):
    with pytest.raises(ValueError, match="weights"):
        ensemble_words({"a": {0: [caption("ring")] * 2}, "b": {1: [caption("ring")] * 2}}, PICTURES, TRUTH)
    with pytest.raises(ValueError, match="1 captions for 2 pictures"):
        ensemble_words({"a": {1: [caption("ring")]}}, PICTURES, TRUTH)
    with pytest.raises(ValueError, match="tokens"):
        record(model, torch.zeros(2, 3, 5))
