"""The mixed-up film in a real browser: frames move by click and by key, answers come from the recording."""

import itertools

import pytest
import torch
from helpers.chromium import assert_readable, assert_static_stands, opened, state

from vlm_lib.interactive.film_order import FilmAnswers, Recorded, film_order

pytestmark = pytest.mark.browser


def answers(sure):
    """A model that knows the order (sure > 500) or has it backwards."""
    layouts = [list(layout) for layout in itertools.permutations(range(4))]

    def chance(a, b):
        return 500 if a == b else sure if a < b else 1000 - sure

    matrices = [[[chance(a, b) for b in layout] for a in layout] for layout in layouts]
    orders = [sorted(range(4), key=lambda place: layout[place] * (1 if sure > 500 else -1)) for layout in layouts]
    return Recorded(layouts, matrices, orders)


PICTURES = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 3, 8, 8) * 60
SHOWN = film_order(
    [
        FilmAnswers(
            "a star grows", PICTURES, ["so it is tiny"] * 4, ["it is top"] * 4, answers(900), answers(100)
        ),
        FilmAnswers(
            "a ring falls", PICTURES, ["it is top"] * 4, ["so it is tiny"] * 4, answers(700), answers(700)
        ),
    ]
)


@pytest.fixture
def page(browser):
    with opened(browser, SHOWN) as page:
        yield page


def test_starts_mixed_up_and_the_model_that_knows_gets_everything(page):
    now = state(page)
    assert (now["layout"], now["pairs"], now["places"]) == ([2, 0, 3, 1], 12, 4)
    assert now["order"] == [1, 3, 0, 2]


def test_another_films_lines_change_the_answers(page):
    page.get_by_label("another film's").check()
    assert (state(page)["text"], state(page)["pairs"], state(page)["places"]) == ("other", 0, 0)
    assert page.locator(".vlm-lines li").first.inner_text() == "it is top"


def test_frames_move_by_click_and_by_arrow_key(page):
    page.locator("button.vlm-slot").first.click()
    assert state(page)["layout"] == [0, 2, 3, 1]
    page.locator("button.vlm-slot").nth(3).focus()
    page.keyboard.press("ArrowLeft")
    assert state(page)["layout"] == [0, 2, 1, 3]
    page.keyboard.press("ArrowLeft")
    assert state(page)["layout"] == [0, 1, 2, 3]
    assert state(page)["matrix"][0] == [500, 900, 900, 900]


def test_shuffling_changes_the_layout_and_another_film_can_be_chosen(page):
    page.get_by_role("button", name="Shuffle", exact=True).click()
    assert state(page)["layout"] != [2, 0, 3, 1]
    assert sorted(state(page)["layout"]) == [0, 1, 2, 3]
    page.get_by_label("a ring falls").check()
    assert state(page)["film"] == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 8)
