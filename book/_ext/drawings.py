"""Figures that notebooks hold as SVG become part of the page, so that they take its colours, light or dark.

The book's own colours (vlm_lib.figures.style.PALETTE) turn into CSS variables with a dark shade each; any other
colour, a colour map's or a picture's, stays as it is. In a narrow window a drawing scrolls inside its own box, so
that its smallest label keeps 9 pixels.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes

from vlm_lib.figures.style import PALETTE

SMALLEST_LABEL = 9  # pixels
PIXELS_PER_POINT = 4 / 3


def inline(svg: str, name: str, alt: str) -> str:
    """matplotlib's SVG as an element of a page. `name` keeps its ids apart from those of other drawings."""
    svg = svg[svg.index("<svg") :]
    for left_out in (r"<metadata>.*?</metadata>", r"<defs>\s*<style.*?</style>\s*</defs>", r"<!--.*?-->"):
        svg = re.sub(left_out, "", svg, flags=re.DOTALL)
    width, height = (float(re.search(rf'{side}="([\d.]+)pt"', svg)[1]) for side in ("width", "height"))
    body = svg[svg.index(">") + 1 :]
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'((?:href="|url\()#)', rf"\1{name}-", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var({variable(m[0])})" if m[0] in PALETTE else m[0], body)
    body, shown = " ".join(body.split()), width * PIXELS_PER_POINT
    return (
        f'<div class="drawing"><svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="width:{shown:.0f}px;min-width:{readable_width(body, shown):.0f}px" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{body}</div>'
    )


def readable_width(body: str, width: float) -> float:
    """The width in pixels at which the smallest label has 9 of them; texts are drawn in units of a hundredth."""
    sizes = [100 * float(scale) * PIXELS_PER_POINT for scale in re.findall(r"scale\(([\d.]+) -[\d.]+\)", body)]
    return min(width, width * SMALLEST_LABEL / min(sizes)) if sizes else 0


def variable(colour: str) -> str:
    """The CSS variable that stands for a colour of the book's palette."""
    return f"--drawing-{colour[1:]}"


def palette_css() -> str:
    """The variables' values on light and on dark pages, and in print."""
    light = "".join(f"{variable(colour)}:{colour};" for colour in PALETTE)
    dark = "".join(f"{variable(colour)}:{shade};" for colour, shade in PALETTE.items())
    return f':root{{{light}}}@media screen{{html[data-theme="dark"]{{{dark}}}}}'


def draw_in_page(app, doctree, docname) -> None:
    """Put the drawings of a chapter in place of its images."""
    if app.builder.format != "html":
        return
    drawn = [
        image for image in doctree.findall(nodes.image) if re.search(r"jupyter_execute/.*\.svg$", image["uri"])
    ]
    for number, image in enumerate(drawn):
        style = "" if number else f"<style>{palette_css()}</style>"
        html = inline(Path(app.srcdir, image["uri"]).read_text(), f"d{number}", image.get("alt", ""))
        image.replace_self(nodes.raw("", style + html, format="html"))


def setup(app):
    app.connect("doctree-resolved", draw_in_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
