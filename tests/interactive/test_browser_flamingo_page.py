"""The page in a real browser: the recording's numbers, by mouse and keyboard, without network or kernel."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, open_page, state

from vlm_lib.interactive import flamingo_page
from vlm_lib.interactive.flamingo_page import Recording

pytestmark = pytest.mark.browser

TOKENS = ["<bos>", "<image>", "a", "red", "<image>", "a", "star"]
PHI = [0, 1, 1, 1, 2, 2, 2]
GATES = [0.0, 0.5, 1.0]
# chance[gate][choice][position]: numbers that tell where they come from
CHANCE = [[[[100 * g + 10 * c + p, 900 - 100 * g] for p in range(7)] for c in range(4)] for g in range(3)]
RECORDING = Recording(TOKENS, PHI, GATES, [[f"x{p}", f"y{p}"] for p in range(7)], CHANCE)
SHOWN = flamingo_page(RECORDING, torch.randint(0, 255, (2, 2, 3, 64, 64), dtype=torch.uint8), word=2)


@pytest.fixture
def page(browser):
    page = open_page(browser, SHOWN.html)
    yield page
    assert page.trouble == []


def test_starts_open_at_the_chosen_word(page):
    shown = state(page)
    assert (shown["word"], shown["gate"], shown["choice"]) == (2, 2, 0)
    assert shown["chance"] == CHANCE[2][0][2]
    assert "φ = 1" in shown["words"]


def test_slider_and_arrow_keys_and_exchange_look_up_the_recording(page):
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert state(page)["chance"] == CHANCE[1][0][2]
    page.get_by_role("radio", name="a, position 3").focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["chance"] == CHANCE[1][0][3]
    page.keyboard.press("ArrowRight")  # over the second tag, which is a picture and no word
    assert state(page)["word"] == 5
    page.get_by_role("button", name="Exchange image 2").press("Enter")
    assert state(page)["exchanged"] == [False, True]
    assert state(page)["chance"] == CHANCE[1][2][5]
    assert "Image 2 has been exchanged" in state(page)["words"]
    page.keyboard.press("Enter")
    assert state(page)["choice"] == 0


def test_the_picture_that_a_word_looks_at_is_framed_and_a_line_leads_to_it(page):
    for word, seen in (("a, position 3", [True, False]), ("star", [False, True]), ("<bos>", [False, False])):
        page.get_by_role("radio", name=word).click()
        framed = page.locator(".vlm-picture").evaluate_all("all => all.map(p => p.matches('.vlm-seen'))")
        assert framed == seen
        assert page.locator("path.vlm-chosen").count() == sum(seen)


def test_exchanging_shows_the_other_picture(page):
    source = page.locator(".vlm-picture img").first
    before = source.get_attribute("src")
    page.get_by_role("button", name="Exchange image 1").click()
    assert source.get_attribute("src") != before


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 2)
