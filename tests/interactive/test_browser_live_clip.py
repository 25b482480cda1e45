"""The CLIP that runs in the page, against the model itself and the renderer itself, by mouse and keyboard."""

import numpy as np
import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, open_page, state

from vlm_lib import zoo
from vlm_lib.data import scenes
from vlm_lib.interactive.live_clip import live_clip
from vlm_lib.training.seeds import stream

pytestmark = pytest.mark.browser

NOTHING = (-1, -1, -1)
SCENE = np.array([(0, 0, 1), (3, 2, 0), NOTHING, NOTHING])  # a large red circle left of a small blue star
TEXTS = [
    "a large red circle left of a small blue star .",
    "a small blue star left of a large red circle .",
    "a large red square left of a small blue star .",
    "we see a large red circle .",
]
SEED = 5


@pytest.fixture(scope="module")
def model():
    return zoo.tiny_clip("scenes")


@pytest.fixture(scope="module")
def gallery():
    return scenes.generate(8, 77).attributes


@pytest.fixture(scope="module")
def shown(model, gallery):
    return live_clip(model, SCENE, TEXTS, gallery=gallery, seed=SEED)


@pytest.fixture
def page(browser, shown):
    page = open_page(browser, shown.html)
    yield page
    assert page.trouble == []


def pixels(page):
    """What stands on the stage, as the model takes it: uint8 [1 3 64 64]."""
    drawn = page.evaluate(
        "() => Array.from(document.querySelector('.vlm-stage canvas').getContext('2d')"
        ".getImageData(0, 0, 64, 64).data)"
    )
    return torch.tensor(drawn, dtype=torch.uint8).view(64, 64, 4)[..., :3].permute(2, 0, 1)[None]


def test_draws_what_the_renderer_draws(browser, model, gallery):
    for seed in (SEED, 6, 7):
        attributes = scenes.generate(1, seed, objects=(1, 4), split="all").attributes
        page = open_page(browser, live_clip(model, attributes[0], TEXTS, gallery=gallery[:1], seed=seed).html)
        assert torch.equal(pixels(page), scenes.render(attributes, seed).images)
        assert page.trouble == []


def check(page, model):
    """Cosines and chances that the page shows, against PyTorch on the pixels and texts that it shows."""
    now = state(page)
    expected = model.score(pixels(page), now["texts"])[0].double()
    torch.testing.assert_close(torch.tensor(now["cosines"], dtype=torch.double), expected, atol=1e-3, rtol=0)
    chances = (now["scale"] * torch.tensor(now["cosines"], dtype=torch.double)).softmax(0)
    torch.testing.assert_close(torch.tensor(now["chances"], dtype=torch.double), chances)
    return now


def test_cosines_are_those_of_pytorch_for_any_scene_and_caption(page, model):
    first = check(page, model)
    rng = stream(0, "a reader's changes")
    for index in rng.permutation(4):
        page.locator(".vlm-stage button").nth(int(index)).click()
        for axis, size in enumerate((6, 8, 2)):
            page.locator("select").nth(axis).select_option(str(rng.integers(size)))
        check(page, model)
    page.get_by_role("button", name="Draw it again").click()
    caption = page.get_by_label("caption 3", exact=True)
    caption.fill("this is a small pink ring above and right of a large white cross .")
    caption.press("Tab")
    assert check(page, model)["cosines"] != first["cosines"]
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert check(page, model)["scale"] == 1


def test_unknown_words_are_named_and_their_caption_gets_no_number(page):
    caption = page.get_by_label("caption 2", exact=True)
    caption.fill("a large purple dog .")
    caption.press("Tab")
    now = state(page)
    assert now["cosines"][1] is now["chances"][1] is None
    assert sum(chance for chance in now["chances"] if chance is not None) == pytest.approx(1)
    assert "“dog”" in page.locator(".vlm-message").nth(1).inner_text()
    caption.fill("red " * 24)
    caption.press("Tab")
    assert "Too long" in page.locator(".vlm-message").nth(1).inner_text()


def test_true_caption_is_the_librarys(page):
    for cell, (shape, colour) in enumerate([(5, 7), (0, 1), (2, 3), (4, 6)]):
        page.locator(".vlm-stage button").nth(cell).press("Enter")
        for axis, value in enumerate((shape, colour, cell % 2)):
            page.locator("select").nth(axis).select_option(str(value))
        page.get_by_role("button", name="Write its true caption").click()
        now = state(page)
        assert now["texts"][0] == scenes.captions(scenes.render(np.array([now["attributes"]]), 0))[0]


def test_nearest_scenes_are_sorted_and_count_the_readers_own(page, model):
    page.locator("input[type=radio]").nth(2).check()
    page.wait_for_function("JSON.parse(document.querySelector('figure').dataset.state).candidates === 9")
    now = state(page)
    found = [cosine for _, cosine in now["nearest"]]
    assert now["asked"] == 2
    assert found == sorted(found, reverse=True)
    assert page.locator(".vlm-nearest canvas").count() == len(found) == 6
    better = sum(cosine > now["cosines"][2] for cosine in found)
    assert now["rank"] == better + 1 or now["rank"] > 6


def test_the_last_object_cannot_be_taken_away(page):
    for cell in (0, 1):
        page.locator(".vlm-stage button").nth(cell).click()
        page.locator("select").first.select_option("-1")
    assert sum(shape >= 0 for shape, _, _ in state(page)["attributes"]) == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, shown, theme, width):
    assert_readable(browser, shown, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser, shown):
    assert_static_stands(browser, shown, len(TEXTS), of="tbody tr")
