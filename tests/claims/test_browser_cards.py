"""Verdict cards in a real browser: wide and narrow, light and dark, on the screen and in print."""

import pytest
from helpers.chromium import CONTRAST, open_page

from vlm_lib import claims

pytestmark = pytest.mark.browser

# the size of every text that is seen, also inside pictures
SIZES = """() => [...document.querySelectorAll(".vlm-card *")]
  .filter((n) => [...n.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim()))
  .filter((n) => !n.closest("style, title") && n.getClientRects().length)
  .map((n) => parseFloat(getComputedStyle(n).fontSize) * (n.getBoundingClientRect().height ? 1 : 0))"""
# what sticks out of a card on either side; scrolled boxes are for that
OUTSIDE = """() => [...document.querySelectorAll(".vlm-card *")].filter((n) => {
  const card = n.closest(".vlm-card").getBoundingClientRect(), box = n.getBoundingClientRect();
  return !n.closest(".vlm-scroll, style") && box.width && (box.left < card.left - 1 || box.right > card.right + 1);
}).map((n) => n.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def cards():
    claim = claims.Claim(
        "C17",
        hypothesis="Looking at the last image only gets more attribute words right than looking at all of them.",
        metric="share of attribute words right on documents of 8 images, trained on documents of 3",
        threshold=0.05,
        treatment="last image",
        control="all previous images, best of three ways to number them",
        baselines=("image-blind",),
        chapter="34_flamingo",
    )
    values = {claim.treatment: 0.94, claim.control: 0.47, "image-blind": 0.17}
    shown = [
        claim.measure({arm: lambda seed, v=v: v + seed / 100 for arm, v in values.items()}),
        claims.exact("C21", "It is so.", "It was seen.", True, {"n": 1}, chapter="34_flamingo"),
        claims.answer("Q14", "Which?", "That one.", True, {"n": 1}, chapter="34_flamingo"),
        claims.theirs("C17"),
    ]
    return "".join(part._repr_mimebundle_()["text/html"] for part in shown)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1300])
def test_cards_fit_and_read_well(browser, cards, width, theme):
    page = open_page(browser, cards, width=width, theme=theme)
    page.locator("details").evaluate_all("all => all.forEach((details) => (details.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    assert min(page.evaluate(SIZES)) >= 11
    assert [text for text, contrast in page.evaluate(CONTRAST) if contrast < 4.5] == []
    assert page.trouble == []


def test_labels_stand_beside_the_rows_and_above_them_where_the_page_is_narrow(browser, cards):
    def label_and_strip(width):
        row = open_page(browser, cards, width=width).locator(".vlm-row").nth(1)
        return row.locator(".vlm-label").bounding_box(), row.locator("svg").bounding_box()

    label, strip = label_and_strip(1300)
    assert label["x"] + label["width"] <= strip["x"]
    label, strip = label_and_strip(400)
    assert label["y"] + label["height"] <= strip["y"] + 1
    assert strip["width"] > 200


def test_what_is_folded_on_the_screen_is_open_in_print(browser, cards):
    page = open_page(browser, cards)
    folded = page.locator("details table")
    seen = "tables => tables.map((table) => table.checkVisibility())"
    assert folded.evaluate_all(seen) == [False] * folded.count()
    page.emulate_media(media="print")
    assert folded.evaluate_all(seen) == [True] * folded.count()
    assert folded.count() == 5  # three records' numbers, and theirs for two of them
