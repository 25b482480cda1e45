"""The mask explorer in a real browser: attention.masks, layers by matrix products, rows by keyboard."""

import random

import pytest
import torch
from helpers.chromium import CONTRAST, open_page, state

from vlm_lib.attention.masks import (
    all_previous_images_mask,
    causal_mask,
    image_index,
    last_image_mask,
    prefix_lm_mask,
)
from vlm_lib.interactive import mask_explorer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def explorer(browser):
    return open_page(browser, mask_explorer().html)


def show(page, sequence=None, *, mask=None, prefix=None, layers=None):
    if sequence is not None:
        page.get_by_role("textbox").fill(sequence)
    if mask is not None:
        page.get_by_label(mask, exact=True).check()
    if layers is not None:
        page.get_by_role("slider", name="Layers").fill(str(layers))
    if prefix is not None:
        page.get_by_label("Prefix length").fill(str(prefix))
    return state(page)


def reference(tokens, mask, prefix, layers):
    """What one layer allows and what `layers` layers reach, from vlm_lib.attention.masks and counts of paths."""
    seq = len(tokens)
    phi = image_index(torch.tensor([[token == "<image>" for token in tokens]]))
    images = int(phi.max())
    direct = {
        "full": lambda: torch.ones(seq, seq, dtype=torch.bool),
        "causal": lambda: causal_mask(seq),
        "window of 2": lambda: torch.eye(seq).bool() | torch.eye(seq).roll(1, 0).tril().bool(),
        "prefix-LM": lambda: prefix_lm_mask(torch.tensor([prefix]), seq)[0],
        "last image": lambda: last_image_mask(phi, images, 1)[0],
        "all previous images": lambda: all_previous_images_mask(phi, images, 1)[0],
    }[mask]()
    between = causal_mask(seq) if "image" in mask else direct
    paths = torch.linalg.matrix_power(between.double(), layers - 1) @ direct.double()
    return direct, paths > 0


@pytest.mark.parametrize(
    "mask", ["full", "causal", "window of 2", "prefix-LM", "last image", "all previous images"]
)
def test_script_equals_python_on_random_sequences(explorer, mask):
    source = random.Random(mask)
    for _ in range(25):
        share = source.random()
        tokens = [
            "<image>" if source.random() < share else source.choice("abc") for _ in range(source.randint(1, 16))
        ]
        layers, prefix = source.randint(1, 8), source.randint(0, len(tokens))
        shown = show(explorer, " ".join(tokens), mask=mask, layers=layers)
        if mask == "prefix-LM":
            shown = show(explorer, prefix=prefix)
            assert shown["prefix"] == prefix
        direct, reached = reference(tokens, mask, prefix, layers)
        assert shown["tokens"] == tokens
        assert shown["phi"] == image_index(torch.tensor([[token == "<image>" for token in tokens]]))[0].tolist()
        assert shown["direct"] == direct.tolist()
        assert shown["reached"] == reached.tolist()
        assert shown["more"] == int(reference(tokens, mask, prefix, layers + 1)[1].sum() - reached.sum())
        kinds = explorer.locator(".vlm-live tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.querySelectorAll('.vlm-cell')]"
            ".map(cell => cell.className.split(' vlm-')[1]))"
        )
        names = [
            ["direct" if d else "indirect" if r else "none" for d, r in zip(*pair, strict=True)]
            for pair in zip(direct.tolist(), reached.tolist(), strict=True)
        ]
        assert kinds == (names if direct.numel() else [])
        if direct.numel():
            percent = int(direct.double().mean() * 100 + 0.5)
            count = f"{int(direct.sum())} of {direct.numel()} pairs ({percent}%) directly"
            assert shown["counts"].startswith(count)
            beside = explorer.locator(".vlm-live tbody td.vlm-n").all_inner_texts()
            assert beside == ([str(phi) for phi in shown["phi"]] if "image" in mask else [])
            assert (
                f"{int(reached.sum())} of {reached.numel()} pairs" in shown["counts"].split("directly")[1]
            ) == (layers > 1)
    assert explorer.trouble == []


def test_arrow_keys_move_the_row_and_the_sentence_follows(explorer):
    show(explorer, "look <image> cat <image> dog <image> .", mask="last image", layers=2)
    heads = explorer.locator(".vlm-live tbody button")
    heads.first.click()
    words = explorer.locator(".vlm-words")
    assert words.inner_text() == (
        "“look” (position 1, φ = 0) has no image at or before it: its cross-attention output is zero. "
        "2 layers bring it nothing more. Out of reach: images 1 to 3."
    )
    for key, expected in [("ArrowDown", 1), ("End", 6), ("ArrowDown", 6), ("ArrowUp", 5), ("Home", 0), ("End", 6)]:
        explorer.keyboard.press(key)
        assert state(explorer)["selected"] == expected
        assert heads.nth(expected).evaluate("node => node === document.activeElement")
        assert heads.nth(expected).get_attribute("aria-pressed") == "true"
        assert explorer.locator('.vlm-live [aria-pressed="true"]').count() == 1
    assert words.inner_text() == (
        "“.” (position 7, φ = 3) attends to image 3 directly. Within 2 layers it also reaches images 1 to 2, "
        "through earlier tokens."
    )
    show(explorer, layers=1)
    assert (
        words.inner_text() == "“.” (position 7, φ = 3) attends to image 3 directly. Out of reach: images 1 to 2."
    )
    heads.nth(4).click()
    assert (
        words.inner_text() == "“dog” (position 5, φ = 2) attends to image 2 directly. Out of reach: images 1, 3."
    )
    show(explorer, mask="causal", layers=3)
    assert words.inner_text() == (
        "“dog” (position 5) attends to positions 1 to 5 directly. 3 layers bring it nothing more. "
        "Out of reach: positions 6 to 7."
    )


def test_each_layer_brings_the_window_one_token_more(explorer):
    for layers, pairs in enumerate([13, 18, 22, 25, 27, 28, 28], start=1):  # 28: all that a causal mask allows
        shown = show(explorer, "a b c d e f g", mask="window of 2", layers=layers)
        assert sum(map(sum, shown["reached"])) == pairs
        assert sum(map(sum, shown["direct"])) == 13


def test_the_prefix_slider_appears_with_its_mask_and_follows_the_length(explorer):
    show(explorer, "a b c d e f", mask="causal", layers=1)
    assert not explorer.get_by_label("Prefix length").is_visible()
    show(explorer, mask="prefix-LM", prefix=5)
    assert state(explorer)["direct"][0] == [True] * 5 + [False]
    assert show(explorer, "a b c")["prefix"] == 3
    assert state(explorer)["direct"] == [[True] * 3] * 3
    assert show(explorer, "a b c d e f")["prefix"] == 5
    assert explorer.get_by_label("Prefix length").input_value() == "5"


def test_every_control_is_reached_by_tab(browser):
    page = open_page(browser, mask_explorer(mask="prefix-LM").html)
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.type || document.activeElement.getAttribute('role')"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    assert reached == ["text", "radio", "range", "range", "region", "button"]


@pytest.mark.parametrize(
    ("sequence", "mask", "message", "rows"),
    [
        ("", "causal", "The sequence is empty", 0),
        ("  ", "last image", "The sequence is empty", 0),
        ("a dog sits", "last image", "There is no <image> in the sequence", 0),
        ("a dog sits", "causal", "", 3),
        ("a " * 20, "full", "That is 20 tokens; the figure shows the first 16", 16),
    ],
)
def test_odd_input_is_answered(explorer, sequence, mask, message, rows):
    show(explorer, sequence, mask=mask, layers=3)
    assert explorer.get_by_role("alert").inner_text().startswith(message)
    assert bool(state(explorer)["message"]) == bool(message)
    assert explorer.locator(".vlm-live tbody tr").count() == rows
    shown = show(explorer, "a <image>")
    assert shown["message"] == ""
    assert shown["selected"] is not None
    assert explorer.trouble == []


def test_typed_markup_stays_text(explorer):
    show(explorer, "<img/src=x/onerror=alert(1)> <image>", mask="causal")
    assert explorer.locator("figure img").count() == 0
    assert explorer.trouble == []


def test_without_scripts_the_static_table_shows(browser):
    page = open_page(browser, mask_explorer(mask="last image", layers=2).html, scripts=False)
    assert page.locator("table:visible").count() == 1
    assert page.locator(".vlm-live:visible").count() == 0
    assert page.locator("td.vlm-direct").count() == 7
    assert page.locator("td.vlm-indirect").count() == 4


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1300])
@pytest.mark.parametrize("mask", ["full", "last image"])
def test_it_reads_well_and_fits(browser, theme, width, mask):
    sequence = "<image> a somewhat-long-token-here b " * 4
    page = open_page(browser, mask_explorer(sequence, mask=mask, layers=2).html, theme=theme, width=width)
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 80
    assert [pair for pair in ratios if pair[1] < 4.5] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if width == 1300:  # all sixteen columns at once
        assert page.locator(".vlm-live .vlm-scroll").evaluate("node => node.scrollWidth <= node.clientWidth")
