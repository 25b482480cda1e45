"""Interactive figures in a real browser: the same numbers as Python, usable by keyboard, no network, no kernel."""

import pytest
import torch
from helpers.chromium import CONTRAST, open_page, state

from vlm_lib.claims import Claim
from vlm_lib.interactive import Option, Question, mask_explorer, quiz, similarity_matrix

pytestmark = pytest.mark.browser

OPTIONS = [Option("a count", True, "Yes, it counts."), Option("a mask", False, "No, a mask is `True` or `False`.")]
QUESTIONS = [Question(f"Question {n}: what is `phi`?", OPTIONS) for n in range(3)]


def test_the_same_figure_twice_on_a_page(browser):
    page = open_page(browser, mask_explorer().html * 2)
    assert page.locator(".vlm-live:visible").count() == 2
    assert page.locator('figure[data-ready="true"]').count() == 2


def test_without_scripts_the_static_parts_show(browser):
    page = open_page(browser, mask_explorer().html + quiz(QUESTIONS).html, scripts=False)
    assert page.locator(".vlm-static:visible").count() == 2
    assert page.locator(".vlm-live:visible").count() == 0
    assert page.locator(".vlm-static td.vlm-direct").count() == 28
    page.locator("summary").first.click()
    assert page.get_by_text("Yes, it counts.").first.is_visible()


def test_on_paper_the_static_parts_show(browser):
    page = open_page(browser, mask_explorer().html)
    assert page.locator(".vlm-live").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".vlm-static").is_visible()
    assert not page.locator(".vlm-live").is_visible()


def test_quiz_by_keyboard_with_feedback_for_every_option(browser):
    page = open_page(browser, quiz(QUESTIONS).html)
    form = page.locator("form").first
    feedback = form.get_by_role("status")
    form.get_by_role("button").press("Enter")
    assert feedback.inner_text() == "Choose an option first."
    form.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    assert feedback.inner_text() == ""  # moving through the options gives nothing away
    page.keyboard.press("Enter")
    assert feedback.inner_text() == "✗ Not quite. No, a mask is True or False."
    assert state(page)["outcomes"] == [False, None, None]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert feedback.inner_text() == "✓ Right. Yes, it counts."
    assert state(page)["outcomes"] == [True, None, None]
    assert "1 of 3 answered correctly" in page.locator("figure").inner_text()
    assert page.get_by_role("group", name="1. Question 0: what is phi?").count() == 1
    assert page.trouble == []


def verdict_html():
    claim = Claim("C17", "Last image wins", "accuracy", 0.0, ("image-blind",), chapter="34_flamingo")
    for seed in range(3):
        for arm, value in zip(claim.arms, (0.9, 0.5 + seed / 10, 0.2), strict=True):
            claim.record(arm, seed, value)
    return claim.verdict(seconds=1)._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1300])
def test_cards_read_well_and_fit(browser, theme, width):
    cosines = similarity_matrix(torch.eye(2), ["a cat", "a dog"], ["cat", "dog"])
    body = "".join(shown.html for shown in (quiz(QUESTIONS), mask_explorer(), cosines)) + verdict_html()
    page = open_page(browser, body, theme=theme, width=width)
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 40
    assert [pair for pair in ratios if pair[1] < 4.5] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dark = (
        page.locator(".vlm-card").first.evaluate("node => getComputedStyle(node).backgroundColor")
        != "rgb(255, 255, 255)"
    )
    assert dark == (theme == "dark")


def test_a_wide_table_scrolls_inside_its_card(browser):
    page = open_page(browser, mask_explorer("a " + "<image> " * 12, mask="last image").html, width=400)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".vlm-scroll").last.evaluate("node => node.scrollWidth > node.clientWidth")
