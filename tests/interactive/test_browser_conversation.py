"""The conversation in a real browser: drawings, the first line and the judge, by mouse and keyboard."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.conversation import Exchange, conversation

pytestmark = pytest.mark.browser

PICTURES = torch.full((2, 3, 8, 8), 90, dtype=torch.uint8)


def said(told, first, second, hit=False):
    """The second text is the first judge's, and has a true word if `hit`."""
    return Exchange(told, [first, second], [False, hit], {"the same eyes": [0.1, 0.4], "other eyes": [0.3, -0.2]})


EXCHANGES = [
    {"this drawing": said("a pet", "lion", "house cat", True), "another drawing": said("a boat", "ship", "sea")},
    {"this drawing": said("a ship", "sail", "old boat", True), "another drawing": said("a tree", "oak", "leaf")},
]
SHOWN = conversation(EXCHANGES, PICTURES, ["cat", "boat"])


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_with_the_first_drawings_own_words_and_the_first_judge(page):
    now = state(page)
    assert (now["picture"], now["version"], now["judge"]) == (0, "this drawing", "the same eyes")
    assert (now["caption"], now["hit"], now["told"]) == ("house cat", True, "a pet")
    assert page.locator(".vlm-chosen").inner_text().startswith("✓ house cat")


def test_another_first_line_changes_everything_after_it(page):
    page.get_by_role("radio", name="another drawing").check()
    now = state(page)
    assert (now["told"], now["candidates"]) == ("a boat", ["ship", "sea"])
    assert (now["caption"], now["hit"]) == ("sea", False)
    assert page.locator(".vlm-eyes").first.inner_text() == "a boat"


def test_another_judge_changes_the_last_line_only(page):
    before = state(page)
    page.get_by_role("radio", name="other eyes").check()
    now = state(page)
    assert (now["told"], now["candidates"]) == (before["told"], before["candidates"])
    assert now["caption"] == "lion"
    assert "“lion”" in page.locator(".vlm-eyes").last.inner_text()
    page.get_by_role("radio", name="nobody").check()
    assert state(page)["caption"] == "lion"
    assert "nobody is asked" in page.locator(".vlm-eyes").last.inner_text()


def test_a_drawing_is_chosen_by_click_or_arrow_key(page):
    page.locator(".vlm-drawing").nth(1).click()
    assert (state(page)["picture"], state(page)["caption"]) == (1, "old boat")
    assert "The drawing's name is “boat”" in page.locator(".vlm-said").inner_text()
    page.keyboard.press("ArrowLeft")
    assert state(page)["picture"] == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 2)
