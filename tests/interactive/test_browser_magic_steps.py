"""The re-ranked candidates in a real browser: sliders, steps and drawings, by mouse and keyboard."""

import math

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.decoding.magic import Weights
from vlm_lib.interactive.magic_steps import magic_steps

pytestmark = pytest.mark.browser

FIRST = {
    "candidates": [" wind", " boat", " sea"],
    "confidence": [0.5, 0.3, 0.1],
    "penalty": [0.9, 0.8, 0.1],
    "cosine": [0.0, 0.2, 0.1],
    "chosen": 1,
}
LAST = {**FIRST, "candidates": ["\n", " sail", " s"], "cosine": [0.2, 0.2, 0.2], "chosen": 0}
PICTURES = torch.full((2, 3, 8, 8), 90, dtype=torch.uint8)
SHOWN = magic_steps([[FIRST, LAST], [LAST]], PICTURES, ["ship", "dot"], Weights(3, 0.1, 2.0, 10.0))


def score(i, alpha, beta, scale):
    powers = [math.exp(scale * c) for c in FIRST["cosine"]]
    return (1 - alpha) * FIRST["confidence"][i] - alpha * FIRST["penalty"][i] + beta * powers[i] / sum(powers)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_with_the_recorded_weights_and_winners(page):
    now = state(page)
    assert (now["alpha"], now["beta"], now["scale"]) == (0.1, 2, 10)
    assert now["winners"] == [1, 0]
    assert now["first"] == -1
    assert now["score"] == pytest.approx(score(1, 0.1, 2.0, 10.0))
    assert "(end)" in page.locator(".vlm-words").inner_text()


def test_without_clip_the_language_models_word_wins_and_the_change_is_marked(page):
    page.get_by_role("slider", name="β").focus()
    page.keyboard.press("Home")
    now = state(page)
    assert (now["beta"], now["best"], now["first"]) == (0, " wind", 0)
    assert now["score"] == pytest.approx(score(0, 0.1, 0.0, 10.0))
    assert "recorded: boat" in page.locator(".vlm-other").inner_text()
    page.get_by_role("button", name="as recorded").click()
    assert state(page)["winners"] == [1, 0]


def test_with_the_penalty_alone_what_is_least_like_the_text_wins(page):
    for name, key in (("β", "Home"), ("α", "End")):
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press(key)
    assert state(page)["best"] == " sea"


def test_without_scale_clips_term_is_flat(page):
    page.get_by_role("slider", name="scale").focus()
    page.keyboard.press("Home")
    assert state(page)["best"] == " wind"
    assert state(page)["score"] == pytest.approx(score(0, 0.1, 2.0, 0.0))


def test_steps_and_drawings_are_chosen_by_click_or_arrow_key(page):
    page.locator(".vlm-word").first.focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["step"] == 1
    page.get_by_role("radio", name="dot").click()
    assert (state(page)["picture"], state(page)["step"]) == (1, 0)
    page.keyboard.press("ArrowLeft")
    assert state(page)["picture"] == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 2)
