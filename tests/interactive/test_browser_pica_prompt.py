"""The recorded question in a real browser: questions, choices and prompts, by mouse and keyboard."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.pica_prompt import Case, Example, Group, pica_prompt

pytestmark = pytest.mark.browser


def group(*answers):
    examples = [Example(i, f"thing {i}", "Where is it?", answer) for i, answer in enumerate(("sea", "farm"))]
    rows = [(answer, -0.3 - i, -0.2 - i) for i, answer in enumerate(answers)]
    return Group(examples, f"Context: thing\nQ: Where is it?\nA: {answers[0]}", rows)


def case(drawing, truth, random):
    choices = {"random": [group(random, "sky")], "by both": [group("sea", "farm"), group("farm", "sea")]}
    kept = {"sum": "sea", "mean": "farm"}
    return Case(drawing, "Where is it?", truth, "fish, crab", choices, kept, {"random": None, "by both": "sea"})


PICTURES = torch.full((3, 3, 8, 8), 90, dtype=torch.uint8)
SHOWN = pica_prompt([case(0, "sea", "sky"), case(2, "farm", "farm")], PICTURES)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_with_the_first_question_and_the_last_choice(page):
    now = state(page)
    assert (now["at"], now["choice"], now["group"], now["best"], now["vote"]) == (0, "by both", 0, "sea", "sea")
    assert now["kept"] == {"sum": "sea", "mean": "farm"}
    assert page.locator(".vlm-shot").count() == 2
    assert "sum “sea” ✓, mean “farm” ✗" in page.locator(".vlm-said").inner_text()


def test_another_prompt_of_the_ensemble(page):
    page.get_by_role("radio", name="2", exact=True).check()
    now = state(page)
    assert (now["group"], now["best"]) == (1, "farm")
    assert "A: farm" in page.locator("pre").last.inner_text()


def test_another_choice_has_one_prompt(page):
    page.get_by_role("radio", name="2", exact=True).check()
    page.get_by_role("radio", name="random").check()
    now = state(page)
    assert (now["choice"], now["group"], now["best"], now["kept"], now["vote"]) == ("random", 0, "sky", None, None)
    assert page.get_by_role("radio", name="2", exact=True).is_hidden()
    assert "none of them fits" in page.locator(".vlm-said").inner_text()


def test_a_question_is_chosen_by_click_or_arrow_key(page):
    page.locator(".vlm-case").nth(1).click()
    assert state(page)["at"] == 1
    assert "Right: “farm”" in page.locator(".vlm-asked").inner_text()
    page.keyboard.press("ArrowLeft")
    assert state(page)["at"] == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 3)
