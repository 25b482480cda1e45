"""The recorded prefixes: the predictions are the model's own, and the static picture holds them."""

import re

import pytest
import torch
from torch import nn

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.interactive.prefix_slider import prefix_slider, record
from vlm_lib.models.simvlm import Embedder, PrefixLM

TOKENIZER = world_tokenizer(("scenes",))
TEXT = [TOKENIZER.bos_token_id, *TOKENIZER("a large red circle .").input_ids, TOKENIZER.eos_token_id]
FEATURES = torch.randn(4, 6, generator=torch.Generator().manual_seed(3))
PIXELS = torch.full((3, 8, 8), 90, dtype=torch.uint8)


@pytest.fixture(scope="module")
def recorded():
    torch.manual_seed(0)
    model = PrefixLM(Embedder(nn.Linear(6, 16), len(TOKENIZER), 16, image_tokens=4, words=9)).eval()
    nn.init.normal_(model.head.weight)
    return model, record(model, FEATURES, PIXELS, TEXT, TOKENIZER)


def test_every_length_that_leaves_something_to_predict_is_there(recorded):
    example = recorded[1]
    assert example.words == ["<bos>", "a", "large", "red", "circle", ".", "<eos>"]
    assert [len(told["said"]) for told in example.lengths] == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("kept", [1, 3, 6])
def test_predictions_are_the_models_under_that_prefix(recorded, kept):
    model, example = recorded
    logits = model(FEATURES[None], torch.tensor([TEXT]), torch.tensor([4 + kept]))[0]
    told = example.lengths[kept - 1]
    for i, true in enumerate(TEXT[kept:]):
        chance = logits[kept - 1 + i].softmax(0)
        assert told["chance"][i] == pytest.approx(1000 * chance[true].item(), abs=0.51)
        assert told["said"][i] == TOKENIZER.convert_ids_to_tokens(int(chance.argmax()))


def test_going_on_is_greedy_with_the_prefix_held(recorded):
    model, example = recorded
    ids = TEXT[:3]
    for word in example.lengths[2]["goes_on"]:
        best = int(model(FEATURES[None], torch.tensor([ids]), torch.tensor([7]))[0, -1].argmax())
        assert TOKENIZER.convert_ids_to_tokens(best) == word
        ids = [*ids, best]


def test_static_picture_holds_prefix_and_predictions(recorded):
    html = prefix_slider([recorded[1]], words=3).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "4 image tokens, &lt;bos&gt; a large</p>" in static
    assert static.count("<tr>") == 5


@pytest.mark.parametrize("words", [0, 7])
def test_figure_refuses(recorded, words):
    with pytest.raises(ValueError, match="words"):
        prefix_slider([recorded[1]], words=words)
    with pytest.raises(ValueError, match="examples"):
        prefix_slider([], words=1)
