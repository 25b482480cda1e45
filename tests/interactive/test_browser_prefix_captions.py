"""The captions in a real browser: both knobs and the pictures, by mouse and keyboard, from the recording."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.prefix_captions import Setting, prefix_captions

pytestmark = pytest.mark.browser

TRUTH = ["a small red ring .", "a large blue star ."]
LENGTHS = (1, 4, 16)
# a frozen model's captions are right from four vectors on, a tuned one's always; the tuned one forgets
SETTINGS = {
    lm: {
        k: Setting(
            TRUTH if lm == "tuned" or k > 1 else ["a ring .", TRUTH[1]],
            [[[word, "the", "of"]] * k for word in ("red", "cyan")],
            0.7 if lm == "frozen" else 0.1,
        )
        for k in LENGTHS
    }
    for lm in ("frozen", "tuned")
}
PICTURES = torch.full((2, 3, 8, 8), 90, dtype=torch.uint8)
SHOWN = prefix_captions(SETTINGS, PICTURES, TRUTH, before=0.7, guess=0.3)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_frozen_with_the_longest_prefix(page):
    now = state(page)
    assert (now["name"], now["length"], now["right"], now["hits"]) == ("frozen", 16, 2, 16)
    assert page.locator(".vlm-vector").count() == 16


def test_the_slider_answers_to_the_keyboard(page):
    page.get_by_role("slider", name="Prefix length").focus()
    page.keyboard.press("Home")
    now = state(page)
    assert (now["length"], now["right"], now["hits"]) == (1, 1, 1)
    assert page.locator(".vlm-wrong").count() == 1
    assert "✗ true: a small red ring ." in page.locator(".vlm-cards").inner_text()
    page.keyboard.press("ArrowRight")
    assert state(page)["length"] == 4


def test_the_language_model_is_exchanged_and_its_meter_falls(page):
    page.get_by_role("radio", name="tuned").check()
    now = state(page)
    assert (now["name"], now["answers"]) == ("tuned", 0.1)
    assert page.locator(".vlm-fill").first.evaluate("e => e.style.width") == "10%"
    assert "10 %" in page.locator(".vlm-said").inner_text()


def test_a_picture_is_chosen_by_click_or_arrow_key(page):
    page.locator(".vlm-card-button").nth(1).click()
    assert (state(page)["picture"], state(page)["hits"]) == (1, 0)
    page.keyboard.press("ArrowLeft")
    assert state(page)["picture"] == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 2)
