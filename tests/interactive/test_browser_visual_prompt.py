"""The prompt in a real browser: picture, question, model and examples, answers from the recording."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.pictures import data_uri
from vlm_lib.interactive.visual_prompt import Recording, visual_prompt

pytestmark = pytest.mark.browser

PIXEL = torch.zeros(3, 1, 1, dtype=torch.uint8)
PICTURES = [data_uri(PIXEL + 60 * i) for i in range(4)]
THINGS = [
    {"title": title, "name": title.split()[0], "kind": kind, "about": f"{title.split()[0]}ish"}
    for title, kind in (("lion", "mammal"), ("harp", "instrument"), ("hot beverage", "drink"))
]


def bars(word):
    return [[word, 700], ["of", 200], ["it", 60], [".", 40]]


def answers(sure):
    """A model that is right where it is sure and says "bug" elsewhere, and always for black."""
    return {q: [*(bars(t[q] if sure else "bug") for t in THINGS), bars("bug")] for q in ("name", "kind", "about")}


GAMES = {0: [], 1: [[PICTURES[0], "dax"], [PICTURES[1], "fep"]]}
NAMING = {0: [bars("of"), bars("of"), bars("of")], 1: [bars("dax"), bars("fep"), bars("dax")]}
SHOWN = visual_prompt(
    Recording(
        PICTURES,
        THINGS,
        {"frozen": answers(True), "tuned": answers(False)},
        GAMES,
        {"frozen": NAMING, "tuned": NAMING},
        ["dax", "fep"],
    )
)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_with_a_right_answer(page):
    assert state(page)["best"] == "mammal"
    assert "That is right" in page.get_by_role("status").inner_text()
    assert page.locator(".vlm-word").all_inner_texts() == ["mammal", "of", "it", "."]


def test_swapping_the_picture_by_keyboard_changes_the_answer_and_black_has_none(page):
    page.get_by_role("radio", name="lion").focus()
    page.keyboard.press("ArrowDown")
    assert state(page)["best"] == "instrument"
    page.get_by_role("radio", name="black").check()
    assert state(page)["best"] == "bug"
    assert "No answer is right for a black picture" in page.get_by_role("status").inner_text()


def test_another_model_answers_otherwise(page):
    page.get_by_role("radio", name="tuned").check()
    assert (state(page)["best"], state(page)["wanted"]) == ("bug", "mammal")
    assert "Right would be" in page.get_by_role("status").inner_text()


def test_a_naming_game_takes_examples(page):
    page.get_by_role("radio", name="A made-up word").check()
    assert "nothing in this prompt tells" in page.get_by_role("status").inner_text()
    slider = page.get_by_role("slider", name="Examples of each word")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert (state(page)["examples"], state(page)["best"]) == (1, "dax")
    assert page.locator(".vlm-prompt img").count() == 3
    page.get_by_role("radio", name="harp").check()
    assert state(page)["best"] == "fep"
    page.get_by_role("radio", name="hot beverage").check()
    assert "first two drawings" in page.locator(".vlm-prompt").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 4)
