"""The recorded page: its numbers are the model's own, and its static picture holds them."""

import re

import pytest
import torch
from helpers.small_flamingo import features, flamingo, language_model, text

from vlm_lib.interactive import flamingo_page
from vlm_lib.interactive.flamingo_page import record

IDS = text("3 < 5 6 < 7 8")[0]
PICTURES = torch.randint(0, 255, (2, 2, 3, 8, 8), dtype=torch.uint8)


@pytest.fixture(scope="module")
def recorded():
    torch.manual_seed(0)
    lm = language_model("gpt2").eval()
    model, shown = flamingo(lm, gates=1.0), features(2, 2)
    return lm, model, shown, record(model, IDS, shown, lambda i: f"w{i}", openings=(0.0, 0.5, 1.0))


def chances(logits, words, position):
    """Thousandths of the recorded words' probabilities; the image tag is never shown."""
    p = logits.softmax(-1)[0, position]
    return [round(1000 * p[int(word[1:])].item()) for word in words]


def test_open_gates_are_the_model_with_each_choice_of_images(recorded):
    _, model, shown, recording = recorded
    for choice in range(4):
        images = torch.stack([shown[choice >> i & 1, i] for i in range(2)])[None]
        with torch.no_grad():
            logits = model(IDS[None], images)
        for position, words in enumerate(recording.words):
            got = recording.chance[2][choice][position]
            assert got == pytest.approx(chances(logits, words, position), abs=1)


def test_closed_gates_are_the_language_model_alone_whatever_the_images(recorded):
    lm, _, _, recording = recorded
    logits = lm(IDS[None]).logits
    for choice in range(4):
        for position, words in enumerate(recording.words):
            assert recording.chance[0][choice][position] == pytest.approx(chances(logits, words, position), abs=1)


def test_recording_leaves_the_model_as_it_was(recorded):
    _, model, _, _ = recorded
    assert all((p == 1.0).all() for name, p in model.named_parameters() if name.endswith("_gate"))


def test_half_open_gates_lie_at_half_the_tanh(recorded):
    _, model, shown, recording = recorded
    half = flamingo(model.lm)
    half.load_state_dict(model.state_dict())
    for name, p in half.named_parameters():
        if name.endswith("_gate"):
            p.data = torch.atanh(0.5 * torch.tanh(torch.ones(1)))
    with torch.no_grad():
        logits = half(IDS[None], shown[:1])
    assert recording.chance[1][0][3] == pytest.approx(chances(logits, recording.words[3], 3), abs=1)


def test_static_picture_holds_the_page_and_the_numbers(recorded):
    recording = recorded[3]
    html = flamingo_page(recording, PICTURES, word=2).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert static.count("<img") == 2
    assert re.findall(r"φ (\d)", static) == ["0", "1", "1", "2", "2"]  # of the words; tags are the pictures
    cells = [int(n) for n in re.findall(r"(\d+) %", static)]
    rows = [recording.chance[0][0][2], recording.chance[2][0][2], recording.chance[2][1][2]]
    assert cells == [round(n / 10) for row in rows for n in row]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"word": 0}, "word is 0"),
        ({"word": 99}, "word is 99"),
        ({"pictures": PICTURES[:, :1]}, "pictures has shape"),
    ],
)
def test_figure_refuses(recorded, change, words):
    with pytest.raises(ValueError, match=words):
        flamingo_page(**{"recording": recorded[3], "pictures": PICTURES, "word": 2} | change)
