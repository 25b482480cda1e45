"""The prefix slider in a real browser: the mask against the library's, predictions from the recording."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.attention import prefix_lm_mask
from vlm_lib.interactive.pictures import data_uri
from vlm_lib.interactive.prefix_slider import Example, prefix_slider

pytestmark = pytest.mark.browser

WORDS = ["<bos>", "a", "large", "red", "circle", ".", "<eos>"]
PICTURES = [data_uri(torch.full((3, 1, 1), value, dtype=torch.uint8)) for value in (0, 200)]


def example(number):
    """Right everywhere but for the colour; in the second example nowhere."""
    said = [["blue" if number or word == "red" else word for word in WORDS[k:]] for k in range(1, 7)]
    lengths = [{"said": s, "chance": [900 - 100 * k] * len(s), "goes_on": s} for k, s in enumerate(said)]
    return Example(PICTURES[number], 4, WORDS, lengths)


SHOWN = prefix_slider([example(0), example(1)], words=2)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def drawn_mask(page):
    is_open = "cells => cells.map((c) => !c.classList.contains('vlm-shut'))"
    cells = page.locator(".vlm-mask i").evaluate_all(is_open)
    return torch.tensor(cells).view(11, 11)


@pytest.mark.parametrize("kept", [1, 2, 5, 6])
def test_the_mask_is_the_librarys(page, kept):
    slider = page.get_by_role("slider", name="Words in the prefix")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(kept - 1):
        page.keyboard.press("ArrowRight")
    assert state(page)["kept"] == kept
    assert torch.equal(drawn_mask(page), prefix_lm_mask(torch.tensor([4 + kept]), 11)[0])


def test_words_say_what_the_marked_token_sees(page):
    assert "sees 6 of 11 tokens, 0 of them ahead" in state(page)["words"]
    page.locator(".vlm-token").nth(1).click()
    assert (state(page)["seen"], state(page)["ahead"]) == (6, 4)
    rows = page.get_by_role("slider", name="Token whose row is marked")
    rows.focus()
    page.keyboard.press("End")
    assert (state(page)["seen"], state(page)["ahead"]) == (11, 0)


def test_predictions_follow_prefix_and_picture(page):
    assert state(page)["right"] == 4
    assert page.locator(".vlm-bar").count() == 5
    assert page.locator(".vlm-wrong").all_inner_texts().count("says blue") == 1
    page.get_by_role("radio", name="picture 2").check()
    assert state(page)["right"] == 0
    assert page.locator(".vlm-live img").get_attribute("src") == PICTURES[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 1)
