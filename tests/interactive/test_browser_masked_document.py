"""The document in a real browser: spans by slider, keyboard and click, answers from the recording."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.masked_document import Recording, masked_document
from vlm_lib.interactive.pictures import data_uri

pytestmark = pytest.mark.browser

TOKENS = ['<img alt="', "large", "red", '" src="', "3", "5", '">']
KINDS = ["tag", "word", "word", "tag", "image", "image", "tag"]
PIXEL = torch.zeros(3, 1, 1, dtype=torch.uint8)
PICTURES = [data_uri(PIXEL), data_uri(PIXEL + 200)]
# the right word for a span that begins at an even token, another one elsewhere
SPANS = {
    f"{a}-{b}": {
        "filled": [TOKENS[i] if a % 2 == 0 else "x" for i in range(a, b)],
        "bars": [[f"t{a}", 700], ["blue", 100]],
        "picture": int(a == 4),
    }
    for a in range(7)
    for b in range(a + 1, 8)
}
SHOWN = masked_document(Recording(TOKENS, KINDS, SPANS, PICTURES), start=2, end=3)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def rows(page):
    """The tokens of the three rows: document, masked document, what is filled in."""
    return [row.locator(".vlm-token").all_inner_texts() for row in page.locator(".vlm-tokens").all()]


def test_starts_with_the_chosen_span_moved_to_the_end(page):
    document, masked, filled = rows(page)
    assert document == TOKENS
    assert masked == [*TOKENS[:2], "<mask:0>", *TOKENS[3:], "<mask:0>", "red", "<end>"]
    assert filled == ["red"]
    assert state(page)["right"] == 1


def test_sliders_answer_to_the_keyboard_and_never_cross(page):
    first = page.get_by_role("slider", name="First token of the span")
    first.focus()
    page.keyboard.press("ArrowRight")
    assert (state(page)["start"], state(page)["end"]) == (3, 4)
    page.keyboard.press("ArrowRight")
    assert state(page)["filled"] == ["3"]
    last = page.get_by_role("slider", name="Last token of the span")
    last.focus()
    page.keyboard.press("End")
    assert (state(page)["start"], state(page)["end"]) == (4, 7)
    page.keyboard.press("Home")
    assert (state(page)["start"], state(page)["end"]) == (0, 1)


def test_clicking_tokens_widens_the_span_and_the_picture_follows(page):
    before = page.locator(".vlm-pair img").nth(1).get_attribute("src")
    tokens = page.locator(".vlm-tokens").first.locator(".vlm-token")
    tokens.nth(5).click()
    assert (state(page)["start"], state(page)["end"]) == (2, 6)
    tokens.nth(4).click()
    assert (state(page)["start"], state(page)["end"]) == (4, 5)
    assert page.locator(".vlm-pair img").nth(1).get_attribute("src") != before


def test_wrong_tokens_are_marked(page):
    page.locator(".vlm-tokens").first.locator(".vlm-token").nth(1).click()
    assert state(page)["right"] == 0
    assert page.locator(".vlm-wrong").count() == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 2)
