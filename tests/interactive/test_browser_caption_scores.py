"""The playground in a real browser: its scores are the library's, whatever is typed."""

import numpy as np
import pytest
from helpers.chromium import assert_readable, assert_static_stands, open_page, state

from vlm_lib.interactive.caption_scores import caption_scores, score

pytestmark = pytest.mark.browser

WORDS = ["a", "the", "red", "blue", "circle", "square", "left", "of", "two", "none", "Red,", "well-lit", "x!"]
REFERENCES = ["a red circle left of a blue square", "a blue square right of a red circle", "two shapes"]


def sentence(rng, least):
    return " ".join(rng.choice(WORDS, size=rng.integers(least, 10)))


OTHERS = [[sentence(np.random.default_rng(i), 2) for _ in range(1 + i % 3)] for i in range(12)]
SHOWN = caption_scores("a red circle", REFERENCES, OTHERS, examples={"shuffled": "circle red a"}, images=6)


@pytest.fixture
def page(browser):
    page = open_page(browser, SHOWN.html)
    yield page
    assert page.trouble == []


def shown(page):
    """What the page has computed, in the order of `score`."""
    now = state(page)
    return [*now["bleu"], now["rouge"], now["cider"], *([] if now["vqa"] is None else [now["vqa"]])]


def candidate(page):
    return page.get_by_role("textbox", name="Candidate")


def references(page):
    return page.get_by_role("textbox", name="References")


def test_scores_are_the_librarys_for_random_captions(page):
    rng = np.random.default_rng(7)
    for _ in range(40):
        said, known = sentence(rng, 0), [sentence(rng, 1) for _ in range(rng.integers(1, 5))]
        images = int(rng.integers(1, len(OTHERS) + 2))
        candidate(page).fill(said)
        references(page).fill("\n".join(known))
        page.get_by_role("slider").fill(str(images))
        ours = score(said, [" ".join(tokens(text)) for text in known], tokenised(OTHERS[: images - 1]))
        if len(known) > 1:
            from vlm_lib.evaluation.vqa import vqa_accuracy

            ours["VQA accuracy"] = vqa_accuracy(said, known)
        np.testing.assert_allclose(shown(page), list(ours.values()), atol=1e-9, rtol=0)


def tokens(text):
    from vlm_lib.evaluation.ngrams import tokenize

    return tokenize(text).split()


def tokenised(corpus):
    return [[" ".join(tokens(text)) for text in of_image] for of_image in corpus]


def test_typing_moves_the_scores_and_marks_what_matches(page):
    field = candidate(page)
    field.fill("a red red circle")
    assert state(page)["hits"] == [3, 2, 0, 0]
    assert page.locator(".vlm-spent").first.inner_text() == "↺ red"
    before = state(page)["bleu"][0]
    field.press("End")
    field.type(" left")
    assert state(page)["bleu"][0] > before


def test_an_example_is_put_in_by_keyboard(page):
    page.get_by_role("button", name="shuffled").focus()
    page.keyboard.press("Enter")
    assert candidate(page).input_value() == "circle red a"
    assert state(page)["bleu"][0] == pytest.approx(1)  # the closest reference has two words
    assert state(page)["bleu"][3] < 1e-3


def test_one_image_in_the_corpus_has_no_cider(page):
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    assert state(page)["cider"] == 0
    assert "ln 1 = 0" in state(page)["said"]
    page.keyboard.press("ArrowRight")
    assert state(page)["cider"] > 0


def test_without_a_reference_it_says_so(page):
    references(page).fill("  \n . ")
    assert page.get_by_role("status").first.inner_text().startswith("There is no reference")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900])
def test_readable_and_within_the_page(browser, theme, width):
    assert_readable(browser, SHOWN, theme=theme, width=width)


def test_without_scripts_the_static_picture_stands(browser):
    assert_static_stands(browser, SHOWN, 7, of="tr")
