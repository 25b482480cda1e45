"""Interactive figures in a real browser: the same numbers as Python, usable by keyboard, no network, no kernel."""

import random

import pytest
import torch
from helpers.chromium import CONTRAST, open_page, state

from vlm_lib.attention.masks import all_previous_images_mask, causal_mask, image_index, last_image_mask
from vlm_lib.claims import Claim
from vlm_lib.interactive import Option, Question, mask_explorer, phi_explorer, quiz, similarity_matrix

pytestmark = pytest.mark.browser

OPTIONS = [Option("a count", True, "Yes, it counts."), Option("a mask", False, "No, a mask is `True` or `False`.")]
QUESTIONS = [Question(f"Question {n}: what is `phi`?", OPTIONS) for n in range(3)]


@pytest.fixture(scope="module")
def explorer(browser):
    return open_page(browser, phi_explorer().html)


def choose_mask(page, label):
    page.get_by_label(label).check()


def reference(tokens, build):
    """phi, mask and the images that each token reaches directly or indirectly, from attention.masks alone."""
    phi = image_index(torch.tensor([[token == "<image>" for token in tokens]]))
    images = int(phi.max())
    mask = build(phi, images, 1)[0]
    earlier = causal_mask(len(tokens)) & ~torch.eye(len(tokens), dtype=torch.bool)
    indirect = ((earlier.float() @ mask.float()) > 0) & ~mask
    listed = [[[i + 1 for i in range(images) if row[i]] for row in part.tolist()] for part in (mask, indirect)]
    return phi[0].tolist(), mask.tolist(), *listed


@pytest.mark.parametrize(
    ("label", "build"), [("last image only", last_image_mask), ("all previous images", all_previous_images_mask)]
)
def test_script_equals_python_on_random_sequences(explorer, label, build):
    choose_mask(explorer, label)
    source = random.Random(0)
    for _ in range(60):
        share = source.random()
        tokens = [
            "<image>" if source.random() < share else source.choice("abc") for _ in range(source.randint(1, 24))
        ]
        explorer.get_by_role("textbox").fill(source.choice([" ", "  "]).join(tokens))
        shown = state(explorer)
        phi, mask, direct, indirect = reference(tokens, build)
        assert shown["tokens"] == tokens
        assert shown["phi"] == phi
        assert shown["mask"] == mask
        assert shown["direct"] == direct
        assert shown["indirect"] == indirect
        filled = explorer.locator(".vlm-live tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.querySelectorAll('.vlm-cell')].map(c => c.matches('.vlm-direct')))"
        )
        assert filled == (mask if max(phi) else [])
    assert explorer.trouble == []


def test_arrow_keys_move_the_choice_and_the_sentence_follows(explorer):
    choose_mask(explorer, "last image only")
    explorer.get_by_role("textbox").fill("a <image> sits <image> runs")
    tokens = explorer.get_by_role("radiogroup", name="Tokens").get_by_role("radio")
    tokens.nth(0).click()
    words = explorer.locator(".vlm-words")
    assert "“a” (position 1, φ = 0) has no image at or before it" in words.inner_text()
    for key, expected in [
        ("ArrowRight", 1),
        ("End", 4),
        ("ArrowRight", 4),
        ("ArrowLeft", 3),
        ("Home", 0),
        ("End", 4),
    ]:
        explorer.keyboard.press(key)
        assert state(explorer)["selected"] == expected
        assert tokens.nth(expected).evaluate("node => node === document.activeElement")
        assert tokens.nth(expected).get_attribute("aria-checked") == "true"
    assert "attends to image 2 directly" in words.inner_text()
    assert (
        "reaches image 1 only indirectly: self-attention reads “<image>” (2) and “sits” (3)" in words.inner_text()
    )
    assert explorer.locator("td.vlm-indirect").count() == 1
    choose_mask(explorer, "all previous images")
    assert "attends to images 1 and 2 directly" in words.inner_text()
    assert explorer.locator("td.vlm-indirect").count() == 0


def test_every_control_is_reached_by_tab(browser):
    page = open_page(browser, phi_explorer().html)
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.type || document.activeElement.getAttribute('role')"))
    assert reached == ["text", "radio", "button", "region"]


@pytest.mark.parametrize(
    ("sequence", "message", "shown"),
    [
        ("", "The sequence is empty", 0),
        ("   ", "The sequence is empty", 0),
        ("a dog sits", "There is no <image> in the sequence", 3),
        ("<image> " + "a " * 29, "That is 30 tokens; the figure shows the first 24", 24),
    ],
)
def test_explorer_answers_odd_input(explorer, sequence, message, shown):
    explorer.get_by_role("textbox").fill(sequence)
    assert message in explorer.get_by_role("alert").inner_text()
    assert len(state(explorer)["tokens"]) == explorer.locator(".vlm-strip button").count() == shown
    explorer.get_by_role("textbox").fill("a <image>")
    assert state(explorer)["message"] == ""
    assert state(explorer)["selected"] is not None
    assert explorer.trouble == []


def test_typed_markup_stays_text(explorer):
    explorer.get_by_role("textbox").fill("<img/src=x/onerror=alert(1)> <image>")
    assert explorer.locator("figure img").count() == 0
    assert state(explorer)["phi"] == [0, 1]
    assert explorer.trouble == []


def test_the_same_figure_twice_on_a_page(browser):
    page = open_page(browser, phi_explorer().html * 2)
    assert page.locator(".vlm-live:visible").count() == 2
    assert page.locator('figure[data-ready="true"]').count() == 2


def test_without_scripts_the_static_parts_show(browser):
    page = open_page(browser, phi_explorer().html + quiz(QUESTIONS).html, scripts=False)
    assert page.locator(".vlm-static:visible").count() == 2
    assert page.locator(".vlm-live:visible").count() == 0
    assert page.locator(".vlm-static td.vlm-direct").count() == 5
    page.locator("summary").first.click()
    assert page.get_by_text("Yes, it counts.").first.is_visible()


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
    body = (
        "".join(shown.html for shown in (phi_explorer(), quiz(QUESTIONS), mask_explorer(), cosines))
        + verdict_html()
    )
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
    page = open_page(browser, phi_explorer("a " + "<image> " * 12).html, width=400)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".vlm-scroll").last.evaluate("node => node.scrollWidth > node.clientWidth")
