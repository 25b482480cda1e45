"""Every page in a real browser: light and dark, wide and narrow, with the network cut off."""

import pytest
from helpers.built_book import HTML, visit
from helpers.chromium import COLOURS

pytestmark = pytest.mark.browser

# Texts whose contrast with the nearest opaque background is below 4.5, or 3 for large type (WCAG 2.1, 1.4.3).
FAINT_TEXT = (
    f"() => {{{COLOURS}"
    + """
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(at).backgroundColor);
      if (r !== undefined && alpha > 0.9) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  const captions = "figcaption, .caption-text, .caption-number";
  const texts = `article :is(p, li, td, th, dt, dd, h1, h2, h3, a:not(.headerlink), code, summary, ${captions})`;
  for (const element of document.querySelectorAll(texts)) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(parse(style.color)), luminance(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    if (ratio < (size >= 24 || (bold && size >= 18.7) ? 3 : 4.5))
      faint.push(`${ratio.toFixed(2)} ${element.tagName} ${element.textContent.trim().slice(0, 40)}`);
  }
  return faint;
}"""
)


def test_page_loads_whole_without_a_network(page):
    assert page.remote == []
    assert page.errors == []
    assert page.locator("article .math").count() == 0 or page.locator("article mjx-container").count() > 0


@pytest.mark.parametrize("width", [400, 1300])
def test_page_fits_its_window(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_background(page, theme):
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.add_style_tag(content="* { transition: none !important; }")
    assert page.evaluate(FAINT_TEXT) == []


@pytest.mark.parametrize("opened", ["from a server", "from a folder"])
def test_search_shows_excerpts_without_a_network(browser, address, opened):
    where = address if opened == "from a server" else f"{HTML.as_uri()}/"
    page = visit(browser, where, "search.html?q=phi+counts")
    page.locator("#search-results .context mark").first.wait_for()
    assert page.remote == []
    assert page.errors == []
    results = page.locator("#search-results li").all()
    texts = [result.locator(".context").inner_text() for result in results]
    assert len(texts) > 3
    assert all(len(text) > 40 for text in texts)
    assert [text for text in texts if "\\" in text] == []
    page.context.close()


def test_pages_can_be_read_where_scripts_are_off(browser, address):
    page = visit(browser, address, "book/intro.html", scripts=False)
    assert page.locator("article .map-card svg").count() == 7
    assert page.locator("article h1").is_visible()
    page.context.close()
