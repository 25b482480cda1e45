"""The masked caption in a real browser: every switch, box and word shows what the model says of it."""

import json

import pytest
import torch
from helpers.chromium import CONTRAST, open_page, state

from vlm_lib.data.captioned_regions import bert_tokenizer, captioned_regions
from vlm_lib.data.regions import quarters
from vlm_lib.interactive.masked_caption import masked_caption, record
from vlm_lib.models.visualbert import VisualBert
from vlm_lib.models.visualbert_heads import VisualBertForPretraining
from vlm_lib.training.captioned_regions import read

pytestmark = pytest.mark.browser

NAMES = {"f_o": "what is in the box", "f_s": "that it is a region", "f_p": "where the box is"}


@pytest.fixture(scope="module")
def scene():
    return captioned_regions(3, 11)[1:2]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"layers": 2, "heads": 2, "ff_mult": 1, "max_text": 16, "places": 4, "init_std": 2.0}
    return VisualBertForPretraining(VisualBert(len(bert_tokenizer()), 256, 16, **sizes)).eval()


@pytest.fixture(scope="module")
def recording(model, scene):
    return record(model, scene)


@pytest.fixture(scope="module")
def shown(recording, scene):
    return masked_caption(recording, scene, word=recording.words[recording.maskable[0]])


@pytest.fixture
def page(browser, shown):
    return open_page(browser, shown.html)


@torch.no_grad()
def asked_anew(model, scene, recording, seen):
    """Thousandths of the candidates for what the figure says that it shows, from the model itself."""
    boxes = scene.boxes.clone()
    objects = (scene.regions.words[0] >= 0).any(dim=-1).nonzero()[:, 0]
    for i, region in enumerate(objects.tolist()):
        boxes[0, region] = torch.tensor(recording.boxes[i][seen["cells"][i]])
    position = recording.maskable[seen["word"]]
    data = scene.with_boxes(boxes).told(words=None).masked_at(torch.tensor([position]))
    scores = read(model, data, parts=tuple(seen["on"]), image=not seen["hidden"])[0][0, position]
    ids = bert_tokenizer().convert_tokens_to_ids(seen["candidates"])
    return scores.softmax(dim=-1)[ids] * 1000


def check(page, model, scene, recording):
    seen = state(page)
    expected = asked_anew(model, scene, recording, seen)
    assert (torch.tensor(seen["chance"]) - expected).abs().max() <= 0.51 + 1e-3
    shares = page.locator(".vlm-live .vlm-bar .vlm-n").all_inner_texts()
    assert shares == [f"{int(n / 10 + 0.5)} %" for n in seen["chance"]] or all(
        abs(float(text[:-2]) - n / 10) <= 0.5 for text, n in zip(shares, seen["chance"], strict=True)
    )
    return seen


def test_boxes_moved_to_a_cell_stand_in_that_quarter(recording, scene):
    for box in recording.boxes:
        assert quarters(torch.tensor(box)[None])[0].tolist() == [0, 1, 2, 3]
    objects = (scene.regions.words[0] >= 0).any(dim=-1)
    own = torch.stack(
        [torch.tensor(box)[cell] for box, cell in zip(recording.boxes, recording.start, strict=True)]
    )
    torch.testing.assert_close(own, scene.boxes[0, objects])


def test_every_word_and_every_switch_shows_what_the_model_says(page, model, scene, recording):
    told = set()
    for i in range(len(recording.maskable)):
        page.locator(".vlm-caption").get_by_role("radio").nth(i).click()
        assert check(page, model, scene, recording)["word"] == i
        assert page.locator(".vlm-caption").inner_text().count("[mask]") == 1
    for part in ("f_p", "f_o", "f_s"):
        page.get_by_label(NAMES[part]).uncheck()
        seen = check(page, model, scene, recording)
        assert part not in seen["on"]
        assert f"{part}, {NAMES[part]}" in seen["words"]
        told.add(json.dumps(seen["chance"]))
    page.get_by_label("hide the image").check()
    assert "The image is hidden" in check(page, model, scene, recording)["words"]
    assert len(told) == 3  # each switch mattered
    assert page.trouble == []


def test_boxes_move_by_arrow_keys_and_come_back(page, model, scene, recording):
    box = page.get_by_role("button", name="Box 1")
    start, seen = recording.start[0], []
    box.focus()
    for key, step in (("Right", (1, 0)), ("Down", (0, 1)), ("Left", (-1, 0)), ("Up", (0, -1)), ("Right", (1, 0))):
        column, row = start % 2 + step[0], start // 2 + step[1]
        start = min(max(column, 0), 1) + 2 * min(max(row, 0), 1)
        page.keyboard.press(f"Arrow{key}")
        assert check(page, model, scene, recording)["cells"] == [start, recording.start[1]]
        seen.append(start)
        assert box.evaluate("node => node === document.activeElement")
    assert len(set(seen)) == 4
    page.get_by_role("button", name="boxes back").click()
    assert state(page)["cells"] == recording.start


def test_boxes_are_dragged_with_the_pointer(page, model, scene, recording):
    area = page.locator(".vlm-stage").bounding_box()
    box = page.get_by_role("button", name="Box 2").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    target = 3 - recording.start[1] if recording.start[1] in (0, 3) else 0
    page.mouse.move(area["x"] + (0.25 + target % 2 / 2) * 224, area["y"] + (0.25 + target // 2 / 2) * 224, steps=4)
    page.mouse.up()
    seen = check(page, model, scene, recording)
    assert seen["cells"] == [recording.start[0], target]
    assert "One box has been moved" in seen["words"]


def test_words_are_chosen_by_arrow_keys(page, recording):
    page.locator(".vlm-caption").get_by_role("radio").first.click()
    for key, word in (("ArrowRight", 1), ("End", len(recording.maskable) - 1), ("ArrowRight", 4), ("Home", 0)):
        page.keyboard.press(key)
        assert state(page)["word"] == word
        chosen = page.locator('.vlm-caption [aria-checked="true"]')
        assert chosen.inner_text() == "[mask]"
        assert chosen.evaluate("node => node === document.activeElement")


def test_every_control_is_reached_by_tab(page):
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.type + (document.activeElement.role || '')"))
    assert reached == ["button"] * 2 + ["checkbox"] * 4 + ["button"] + ["buttonradio"]


def test_without_scripts_a_table_shows_the_chosen_word(browser, shown, recording):
    page = open_page(browser, shown.html, scripts=False)
    rows = page.locator(".vlm-static tbody th").all_inner_texts()
    assert rows == ["all parts", "without f_o", "without f_s", "without f_p", "image hidden"]
    home = 4 * recording.start[0] + recording.start[1]
    first = page.locator(".vlm-static tbody tr").first.locator("td").all_inner_texts()
    assert first == [f"{n / 10:.0f} %" for n in recording.chance[0][7][home]]
    assert page.locator(".vlm-live:visible").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1300])
def test_texts_are_readable_and_the_figure_keeps_to_its_width(browser, shown, theme, width):
    page = open_page(browser, shown.html, theme=theme, width=width)
    ratios = [
        pair for pair in page.evaluate(CONTRAST) if pair[0] not in "12"
    ]  # the boxes' numbers stand on a picture
    assert len(ratios) > 30
    assert [pair for pair in ratios if pair[1] < 4.5] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.trouble == []


def test_more_than_one_scene_and_a_word_that_was_not_masked_are_refused(model, recording, scene):
    with pytest.raises(ValueError, match="^scene holds 2 scenes, expected one"):
        record(model, captioned_regions(2, 0))
    with pytest.raises(ValueError, match="^word is 'above', expected one of the masked words"):
        masked_caption(recording, scene, word="above")
