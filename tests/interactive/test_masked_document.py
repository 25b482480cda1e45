"""The recorded document: its answers are the model's own, and its static picture holds them."""

import re

import pytest
import torch

from vlm_lib.data.hypertext import Hypertext
from vlm_lib.interactive.masked_document import masked_document, record
from vlm_lib.models import cm3
from vlm_lib.models.vq import VQVAE

TEXT = Hypertext(codes=8)


@pytest.fixture(scope="module")
def recorded():
    torch.manual_seed(0)
    model = cm3.language_model(TEXT.size, TEXT.marks, 0, positions=30, width=16, layers=1, heads=2).eval()
    vqvae = VQVAE(4, 8, width=8, code_dim=4).eval()
    document = TEXT.document("large red circle", torch.tensor([1, 5, 2, 7]))
    return model, document, record(model, vqvae, TEXT, document)


def test_every_span_is_there(recorded):
    _, document, recording = recorded
    assert len(recording.spans) == len(document) * (len(document) + 1) // 2
    assert recording.kinds == ["tag", "word", "word", "word", "tag", "image", "image", "image", "image", "tag"]


@pytest.mark.parametrize(("start", "end"), [(2, 3), (1, 4), (3, 7), (5, 9)])
def test_what_is_filled_in_is_the_likeliest_of_its_kind_token_by_token(recorded, start, end):
    model, document, recording = recorded
    ids = cm3.prompt(document, [(start, end)], TEXT.marks)
    barred = {*TEXT.marks.sentinels, TEXT.marks.start, TEXT.marks.end, TEXT.marks.pad}
    for place, shown in zip(range(start, end), recording.spans[f"{start}-{end}"]["filled"], strict=True):
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
        code = document[place] >= TEXT.first_code
        kind = [t for t in range(TEXT.size) if t not in barred and (t >= TEXT.first_code) == code]
        best = max(kind, key=lambda t: logits[t].item())
        assert shown == TEXT.show([best])[0]
        ids = [*ids, best]


def test_bars_are_chances_of_the_first_token(recorded):
    model, document, recording = recorded
    ids = cm3.prompt(document, [(2, 3)], TEXT.marks)
    chance = model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1)
    bars = recording.spans["2-3"]["bars"]
    assert [n for _, n in bars] == pytest.approx((1000 * chance.topk(4).values).tolist(), abs=1)


def test_only_gaps_in_the_image_have_a_picture_of_their_own(recorded):
    recording = recorded[2]
    assert recording.spans["1-4"]["picture"] == 0
    span = recording.spans["5-9"]
    assert (span["picture"] > 0) == (span["filled"] != recording.tokens[5:9])


def test_static_picture_holds_the_document_and_the_answer(recorded):
    html = masked_document(recorded[2], start=2, end=3).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "<mark>red</mark>" in static
    assert "large &lt;mask:0&gt; circle" in static
    assert "&lt;mask:0&gt; red &lt;end&gt;" in static
    assert recorded[2].spans["2-3"]["filled"][0] in static


@pytest.mark.parametrize(("start", "end"), [(3, 3), (0, 99), (-1, 2)])
def test_figure_refuses(recorded, start, end):
    with pytest.raises(ValueError, match="start, end"):
        masked_document(recorded[2], start=start, end=end)
