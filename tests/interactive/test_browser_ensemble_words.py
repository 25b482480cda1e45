"""The self-ensemble in a real browser: pictures, weight, word and model, by mouse and keyboard."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.ensemble_words import Step, ensemble_words

pytestmark = pytest.mark.browser

TRUTH = ["a red ring .", "a blue star ."]
PICTURES = torch.full((2, 3, 8, 8), 90, dtype=torch.uint8)


def caption(text):
    """The language model always says ring, the fusion what the picture shows."""
    steps = [Step(word, [(word, 100, 800, 700), ("ring", 500, 100, 200)]) for word in text.split()]
    return [*steps, Step("<eos>", [("<eos>", 999, 500, 999)])]


SHOWN = ensemble_words(
    {
        name: {0: [caption("a ring .")] * 2, 1: [caption(text) for text in TRUTH]}
        for name in ("frozen", "trained along")
    },
    PICTURES,
    TRUTH,
)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_at_the_plain_sum_of_the_first_model(page):
    now = state(page)
    assert (now["name"], now["weight"], now["picture"], now["step"]) == ("frozen", 1, 0, 0)
    assert (now["caption"], now["right"]) == ("a red ring .", True)
    assert page.locator(".vlm-live tbody tr").count() == 2


def test_the_word_slider_answers_to_the_keyboard(page):
    page.get_by_role("slider", name="Word of the caption").focus()
    page.keyboard.press("ArrowRight")
    assert (state(page)["step"], state(page)["word"]) == (1, "red")
    page.keyboard.press("End")
    assert state(page)["word"] == "<eos>"
    assert page.locator(".vlm-live tbody th").first.inner_text() == "end"


def test_without_the_fusion_the_caption_is_the_language_models(page):
    page.get_by_role("slider", name="Word of the caption").focus()
    page.keyboard.press("End")
    page.get_by_role("slider", name="Weight of the fusion").focus()
    page.keyboard.press("Home")
    now = state(page)
    assert (now["weight"], now["caption"], now["right"], now["step"]) == (0, "a ring .", False, 3)
    assert "The truth is “a red ring .”" in now["said"]


def test_a_picture_by_click_and_arrow_key_a_word_by_click_and_the_model_by_radio(page):
    page.locator(".vlm-choice button").nth(1).click()
    assert (state(page)["picture"], state(page)["caption"]) == (1, "a blue star .")
    page.keyboard.press("ArrowLeft")
    assert state(page)["picture"] == 0
    page.get_by_role("button", name="word 3: ring").click()
    assert state(page)["word"] == "ring"
    page.get_by_role("radio", name="trained along").check()
    assert state(page)["name"] == "trained along"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 1)
