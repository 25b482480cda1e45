"""No serious or critical violation that axe-core knows, on any page, light and dark."""

from pathlib import Path

import axe_playwright_python
import pytest

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# colours are asked for at once, not half-way from one theme to the other
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"
# What a theme changes are colours; asking everything twice would take twice as long.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}


@pytest.mark.parametrize("theme", RULES)
def test_axe_finds_nothing_serious(page, theme):
    page.add_style_tag(content=STILL)
    page.evaluate(AXE)
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    found = page.evaluate("options => axe.run(document, options)", {"resultTypes": ["violations"], **RULES[theme]})
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    serious = [violation for violation in found["violations"] if violation["impact"] in ("serious", "critical")]
    assert [(v["id"], [node["target"] for node in v["nodes"][:3]]) for v in serious] == []
