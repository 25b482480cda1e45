"""What a reader sees: whole figures, tables and formulas at any width, on dark pages and on paper."""

import pytest
from chapter_rules import MAX_CODE_COLUMNS
from helpers.chromium import COLOURS
from output_rules import MAX_OUTPUT_COLUMNS

pytestmark = pytest.mark.browser

# Boxes whose content is cut off without a way to reach it. Texts for screen readers are cut off on purpose.
CUT_OFF = """() => [...document.querySelectorAll("article *")]
  .filter((e) => e.checkVisibility() && !e.closest(".vlm-sr, mjx-assistive-mml, .visually-hidden, svg"))
  .filter((e) => getComputedStyle(e).overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1)
  .map((e) => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`)"""
# Boxes that scroll sideways, of some kind.
SCROLLS = """(kind) => [...document.querySelectorAll(`article ${kind}`)]
  .filter((e) => e.checkVisibility() && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  .filter((e) => getComputedStyle(e).overflowX !== "visible")
  .map((e) => `${e.scrollWidth} > ${e.clientWidth}: ${e.textContent.trim().slice(0, 40)}`)"""
# How each thing that must stay whole prints. Asked in one step: live figures replace their elements at any moment,
# and a locator first collects elements and then asks them, by when some belong to no page and have no style.
PRINTED = """() => [...document.querySelectorAll("article :is(pre, figure, .cell_input, .cell_output)")]
  .map((e) => getComputedStyle(e))
  .map((s) => `${s.breakInside} ${s.opacity} ${s.animationName}`)"""
# The size in pixels of each drawing's smallest label; texts are drawn in units of a hundredth of a point.
LABELS = """() => [...document.querySelectorAll("article .drawing svg")].map((svg) => {
  const scales = [...svg.innerHTML.matchAll(/scale\\(([\\d.]+) -/g)].map((found) => Number(found[1]));
  return 100 * Math.min(...scales, 1) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
})"""
# Words of a table that are broken although a table can scroll.
BROKEN = """() => [...document.querySelectorAll("article :is(td, th)")].filter((cell) => {
  const style = getComputedStyle(cell);
  return cell.checkVisibility() && (style.overflowWrap === "anywhere" || style.wordBreak === "break-all");
}).map((cell) => cell.textContent.slice(0, 40))"""
# On a dark page: light plates behind outputs and pictures inside cards, and pictures that are dimmed.
PALE = (
    f"() => {{{COLOURS}"
    + """
  const isPale = (e) => {
    const [r, g, b, alpha = 1] = parse(getComputedStyle(e).backgroundColor);
    return alpha > 0 && luminance([r, g, b]) > 0.2;
  };
  const isDimmed = (e) => getComputedStyle(e).filter !== "none";
  const plates = [...document.querySelectorAll("article :is(.cell_output .output, .vlm-card img, .drawing)")];
  const pictures = [...document.querySelectorAll("article img")];
  return [...plates.filter(isPale), ...pictures.filter(isDimmed)].map((e) => e.outerHTML.slice(0, 80));
}"""
)


# How many characters of code, or of what it prints, fit into a line; null where a page has none.
COLUMNS = """(kind) => {
  const box = document.querySelector(`article .cell_${kind} pre`);
  if (!box) return null;
  const ruler = document.createElement("span"), style = getComputedStyle(box);
  ruler.textContent = "x".repeat(100);
  ruler.style.whiteSpace = "pre";
  box.append(ruler);
  const character = ruler.getBoundingClientRect().width / 100;
  ruler.remove();
  return (box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)) / character;
}"""


@pytest.mark.parametrize("width", [400, 1300])
def test_nothing_is_cut_off_and_no_formula_within_a_line_scrolls(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(SCROLLS, "span.math") == []
    assert page.evaluate(BROKEN) == []


def test_code_and_prints_fit_a_wide_window(page):
    page.set_viewport_size({"width": 1300, "height": 900})
    for kind in ("pre", ".drawing", ".cell_output"):
        assert page.evaluate(SCROLLS, kind) == []


@pytest.mark.parametrize(("kind", "limit"), [("input", MAX_CODE_COLUMNS), ("output", MAX_OUTPUT_COLUMNS)])
def test_the_limits_of_a_chapter_are_what_a_wide_window_shows_unbroken(page, kind, limit):
    page.set_viewport_size({"width": 1300, "height": 900})
    columns = page.evaluate(COLUMNS, kind)
    assert columns is None or columns >= limit


def test_labels_of_drawings_have_nine_pixels_in_a_narrow_window(page):
    page.set_viewport_size({"width": 400, "height": 900})
    assert [size for size in page.evaluate(LABELS) if size < 8.9] == []


def test_dark_pages_have_no_pale_plates(page):
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(PALE) == []
    page.evaluate("document.documentElement.dataset.theme = 'light'")


def test_on_paper_everything_is_light_unfolded_and_whole(page):
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    closed = page.locator("details:not([open])").count()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.locator("details:not([open])").count() == 0
    assert page.evaluate(SCROLLS, "pre") == []
    assert set(page.evaluate(PRINTED)) <= {"avoid 1 none"}
    live, static = (page.locator(f"article .vlm-figure > .vlm-{part}") for part in ("live", "static"))
    assert not any(part.is_visible() for part in live.all())
    assert all(part.is_visible() for part in static.all())
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator("details:not([open])").count() == closed
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
