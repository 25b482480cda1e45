"""The similarity matrix in a real browser: the numbers of vlm_lib.losses, and every cell by keyboard."""

import json

import pytest
import torch
import torch.nn.functional as F
from helpers.chromium import CONTRAST, open_page, state

from vlm_lib.interactive import similarity_matrix
from vlm_lib.interactive.similarity_matrix import DIGITS
from vlm_lib.losses import contrastive_loss

pytestmark = pytest.mark.browser

STEPS = [0, 37, 116, 200]  # of the slider: scales from 1 to 100
COSINES = torch.tensor([[0.9, -0.25, 0.1], [0.2, 0.5, 0.3], [0.0, 0.4, 0.75]])
SHOWN = similarity_matrix(COSINES, ["red", "blue", "green"], ["a red disc", "a blue disc", "a green disc"])


def random_pairs(seed):
    """Normalised features of 2 to 8 pairs of which some share a label in every other seed, and a scale."""
    generator = torch.Generator().manual_seed(seed)
    pairs = 2 + seed % 7
    x, noise = torch.randn(2, pairs, 12, generator=generator, dtype=torch.float64)
    positives = torch.randint(0, 3, (pairs,), generator=generator) if seed % 2 else torch.arange(pairs)
    scale = 100 ** torch.rand((), generator=generator).item()
    return F.normalize(x, dim=1), F.normalize(x * (seed % 3) / 2 + noise, dim=1), positives, scale


def shown_pairs(x, y, positives, scale):
    names = [f"pair {i}" for i in range(len(x))]
    return similarity_matrix(x @ y.T, names, names, logit_scale=scale, positives=positives.tolist())


def check(shown, x, y, positives, scale):
    """All numbers that the figure published, against torch on the cosines that it was given."""
    assert shown["scale"] == pytest.approx(scale, rel=1e-12)
    cosines = (x @ y.T).mul(10**DIGITS).round() / 10**DIGITS
    logits = (scale * cosines).requires_grad_()
    loss = contrastive_loss(logits, torch.eye(len(x), dtype=torch.float64), 1.0, positives=positives)
    loss.backward()
    equal = (positives[:, None] == positives).double()
    target = equal / equal.sum(1, keepdim=True)
    expected = {
        "cosine": cosines,
        "rows": logits.softmax(1),
        "columns": logits.softmax(0),
        "gradient": logits.grad,
        "loss": loss,
        "imageLoss": F.cross_entropy(logits, target),
        "textLoss": F.cross_entropy(logits.T, target),
    }
    for name, value in expected.items():
        got = torch.tensor(shown[name], dtype=torch.float64)
        torch.testing.assert_close(
            got, value.detach(), rtol=1e-9, atol=1e-12, msg=lambda m, name=name: f"{name}: {m}"
        )
    # and with the features themselves, of which the figure knows six digits of each cosine
    assert shown["loss"] == pytest.approx(contrastive_loss(x, y, scale, positives=positives).item(), abs=2e-4)


def test_script_equals_the_library_on_random_matrices_and_scales(browser):
    cases = [random_pairs(seed) for seed in range(14)]
    page = open_page(browser, "".join(shown_pairs(*case).html for case in cases))
    figures = page.locator("figure").all()
    assert len(figures) == len(cases)
    for figure, (x, y, positives, scale) in zip(figures, cases, strict=True):
        check(json.loads(figure.get_attribute("data-state")), x, y, positives, scale)
        for step in STEPS:
            figure.get_by_role("slider").fill(str(step))
            check(json.loads(figure.get_attribute("data-state")), x, y, positives, 100 ** (step / 200))
    assert page.trouble == []


def test_cells_show_the_chosen_view(browser):
    page = open_page(browser, SHOWN.html)
    for label, name in [("softmax of rows", "rows"), ("softmax of columns", "columns"), ("cosine", "cosine")]:
        page.get_by_label(label).check()
        shown = state(page)
        assert shown["view"] == name
        cells = page.locator(".vlm-live td").all_inner_texts()
        assert cells == [f"{value:.2f}".replace("-", "−") for row in shown[name] for value in row]
        assert label in page.locator(".vlm-live caption").text_content()
        marks = page.locator(".vlm-live td").evaluate_all("c => c.map(x => x.matches('.vlm-minus'))")
        assert marks == [value < 0 for row in shown[name] for value in row]
    pairs = page.locator(".vlm-live td").evaluate_all("c => c.map(x => x.matches('.vlm-pair'))")
    assert pairs == [i == j for i in range(3) for j in range(3)]


def test_arrow_keys_walk_through_the_cells_and_the_sentence_follows(browser):
    page = open_page(browser, SHOWN.html)
    page.get_by_label("softmax of rows").check()
    page.get_by_role("gridcell").first.click()
    keys = ["Up", "Right", "Down", "End", "Right", "Down", "Down", "Home", "Left", "Up"]
    stops = [[0, 0], [0, 1], [1, 1], [1, 2], [1, 2], [2, 2], [2, 2], [2, 0], [2, 0], [1, 0]]
    for key, (i, j) in zip(keys, stops, strict=True):
        page.keyboard.press(key if key in ("Home", "End") else f"Arrow{key}")
        shown = state(page)
        assert shown["selected"] == [i, j]
        cell = page.get_by_role("gridcell").nth(3 * i + j)
        assert cell.evaluate("node => node === document.activeElement")
        assert page.locator('td[aria-selected="true"]').count() == page.locator('td[tabindex="0"]').count() == 1
        names, texts = ["red", "blue", "green"], ["a red disc", "a blue disc", "a green disc"]
        p, target = shown["rows"][i][j], int(i == j)
        words = page.locator(".vlm-words").inner_text()
        assert words.startswith(f"Image {i + 1} “{names[i]}” gives text {j + 1} “{texts[j]}” probability {p:.3f}.")
        assert f"The target is {target}," in words
        slope = f"{p - target:+.3f}"
        assert f"p − target = {'0.000' if float(slope) == 0 else slope}".replace("-", "−") in words
        moves = "hardly moves" if abs(p - target) < 5e-4 else "raises" if target else "lowers"
        assert words.endswith(f"descent {moves} it.")


def test_sentences_of_the_other_views(browser):
    page = open_page(browser, SHOWN.html)
    page.get_by_role("gridcell").nth(1).focus()
    shown, words = state(page), page.locator(".vlm-words")
    assert abs(shown["gradient"][0][1]) < 5e-5
    assert words.inner_text() == (
        "Image 1 “red” and text 2 “a blue disc” have cosine −0.250; times logit_scale this is a logit of −3.57. "
        "The gradient of the mean loss with respect to this logit is 0.0000: descent hardly moves it."
    )
    page.get_by_label("softmax of columns").check()
    assert words.inner_text().startswith(
        "Text 2 “a blue disc” gives image 1 “red” probability 0.000. The target is 0"
    )
    assert "the gradient of this column’s loss" in words.inner_text()


def test_controls_by_tab_and_slider_by_arrow_keys(browser):
    page = open_page(browser, SHOWN.html)
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.type || document.activeElement.tagName"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"
    assert reached == ["range", "radio", "TD"]
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "14.3, temperature 0.070"
    assert state(page)["scale"] == pytest.approx(1 / 0.07)
    slider.press("End")
    assert state(page)["scale"] == 100
    assert "logit_scale 100, temperature 0.010" in page.locator("figure").inner_text()
    slider.press("Home")
    assert state(page)["scale"] == 1
    shown = state(page)
    assert (
        f"image to text {shown['imageLoss']:.3f}, text to image {shown['textLoss']:.3f}, mean {shown['loss']:.3f}"
        in (page.locator("figure").inner_text())
    )
    assert page.trouble == []


@pytest.mark.parametrize("scripts", [True, False])
def test_thumbnails_stand_in_the_rows_with_and_without_scripts(browser, scripts):
    pixels = torch.full((2, 3, 64, 64), 90, dtype=torch.uint8)
    shown = similarity_matrix(torch.eye(2), ["a <b> cat", "dog"], ["a cat", "a dog"], thumbnails=pixels)
    page = open_page(browser, shown.html, scripts=scripts)
    visible = page.locator("img:visible")
    assert visible.count() == 2
    assert visible.first.get_attribute("alt") == "a <b> cat"
    assert page.locator("table:visible").count() == 1
    if scripts:
        assert visible.first.evaluate("node => node.naturalWidth") == 48
    assert page.trouble == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1300])
def test_the_strongest_colours_keep_the_numbers_readable_and_the_page_in_its_width(browser, theme, width):
    row = torch.linspace(-1, 1, 8)
    names = [f"a label of some length, {i}" for i in range(8)]
    page = open_page(browser, similarity_matrix(row.repeat(8, 1), names, names).html, theme=theme, width=width)
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 64
    assert [pair for pair in ratios if pair[1] < 4.5] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colours = (
        page.locator(".vlm-live tbody tr")
        .first.locator("td")
        .evaluate_all("cells => cells.map(cell => getComputedStyle(cell).backgroundColor)")
    )
    assert len(set(colours)) == 8
    # a cell reached by keyboard is not left under the row's heading, which stays in place while the table scrolls
    page.get_by_role("gridcell").nth(7).focus()
    page.keyboard.press("Home")
    cell, head = page.locator(".vlm-live tbody td").first, page.locator(".vlm-live tbody th").first
    assert cell.bounding_box()["x"] >= head.bounding_box()["x"] + head.bounding_box()["width"] - 1
