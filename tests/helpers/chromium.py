"""A Chromium for tests that look at pages, or a clear reason why there is none; and what such tests look for."""

import json
import os
import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def chromium():
    """A headless browser. Without one the test is skipped, or fails where VLM_REQUIRE_BROWSER=1 is set."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if path is None or sync_playwright is None:
        what = "no Chromium on PATH" if path is None else "the package playwright is not installed"
        give_up = pytest.fail if os.environ.get("VLM_REQUIRE_BROWSER") == "1" else pytest.skip
        give_up(f"browser test not run: {what}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser, body, *, scripts=True, width=900, theme="light"):
    """A page that holds `body`; any request or script error fails the test through `page.trouble`."""
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.trouble = []
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("request", lambda request: page.trouble.append(request.url))
    page.set_content(
        f'<!DOCTYPE html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><title>Test</title>'
        f"<main>{body}</main>"
    )
    return page


def state(page):
    """What the first figure of the page published last."""
    return json.loads(page.locator("figure").first.get_attribute("data-state"))


# For a page's script: the numbers of a CSS colour (color-mix() reads as color(srgb r g b), channels up to 1), and
# the relative luminance of three channels up to 255 (WCAG 2.1)
COLOURS = """
  const channel = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const weights = [0.2126, 0.7152, 0.0722];
  const luminance = (rgb) => weights.reduce((sum, w, i) => sum + w * channel(rgb[i] / 255), 0);
  const parse = (css) => { const unit = css.startsWith("color(") ? 255 : 1;
    return css.match(/[\\d.]+/g).map((number, i) => Number(number) * (i < 3 ? unit : 1)); };
"""
# Text and its contrast with what lies behind it, for every text of the cards
CONTRAST = (
    f"() => {{{COLOURS}"
    + """
  const background = (node) => { const c = parse(getComputedStyle(node).backgroundColor);
    return c.length === 3 || c[3] > 0 ? c.slice(0, 3) : background(node.parentElement); };
  const found = [];
  for (const node of document.querySelectorAll(".vlm-card *")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || node.closest("script, style, svg, [hidden]") || !node.offsetParent) continue;
    const [a, b] = [luminance(parse(getComputedStyle(node).color)), luminance(background(node))];
    found.push([node.textContent.trim().slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""
)


def assert_readable(browser, shown, *, theme, width):
    """Every text of the figure stands out from what lies behind it (WCAG 2.1, AA), and nothing widens the page."""
    page = open_page(browser, shown.html, theme=theme, width=width)
    assert [(text, contrast) for text, contrast in page.evaluate(CONTRAST) if contrast < 4.5] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def assert_static_stands(browser, shown, count, *, of="img"):
    """Without scripts a reader gets the static part, with so many pictures, or rows, or whatever `of` selects."""
    page = open_page(browser, shown.html, scripts=False)
    assert page.locator(".vlm-static").is_visible()
    assert page.locator(f".vlm-static {of}").count() == count


@contextmanager
def opened(browser, shown):
    """The figure's page, which must end without a script error and without a request but for its own pictures."""
    page = open_page(browser, shown.html)
    yield page
    assert [url for url in page.trouble if not url.startswith("data:")] == []
