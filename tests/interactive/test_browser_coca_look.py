"""The look in a real browser: drawings, queries and steps by click and keyboard, answers from the recording."""

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.coca_look import Look, coca_look

pytestmark = pytest.mark.browser

LOOKS = [
    Look(
        "cat face",
        [[400, 200, 200, 200], [0, 0, 1000, 0], [0, 900, 100, 0]],
        ["cat", "face", "<eos>"],
        [[("cat", 700), ("dog", 100)], [("face", 600), ("paw", 300)], [("<eos>", 900), ("face", 50)]],
        [("dog face", 510, False), ("cat face", 490, True), ("sun", -40, False)],
    ),
    Look("sun", [[250, 250, 250, 250]] * 3, ["sun"], [[("sun", 990)]], [("sun", 600, True)]),
]
SHOWN = coca_look(LOOKS, torch.full((2, 3, 8, 8), 200, dtype=torch.uint8))


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_with_the_contrastive_query_and_the_first_word(page):
    now = state(page)
    assert (now["drawing"], now["query"], now["step"], now["place"], now["rank"]) == (0, 0, 0, 0, 2)
    assert page.locator(".vlm-live rect").count() == 4


def test_sliders_answer_to_the_keyboard(page):
    page.get_by_role("slider", name="Query").focus()
    page.keyboard.press("ArrowRight")
    assert (state(page)["query"], state(page)["place"]) == (1, 2)
    page.get_by_role("slider", name="Step of the caption").focus()
    page.keyboard.press("End")
    assert state(page)["words"] == ["cat", "face", "<eos>"]
    assert page.locator(".vlm-word").all_inner_texts() == ["cat", "face", "<eos>"]


def test_another_drawing_by_click_and_by_arrow_key(page):
    page.get_by_role("radio", name="sun").click()
    assert (state(page)["drawing"], state(page)["words"], state(page)["rank"]) == (1, ["sun"], 1)
    page.keyboard.press("ArrowLeft")
    assert state(page)["drawing"] == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 3, of="svg")
