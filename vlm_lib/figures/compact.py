"""A matplotlib figure as one line of SVG, about half the bytes in a notebook: there every line costs a dozen more.

Coordinates keep two decimals, a hundredth of a point. Chapter: 02_contrastive.
"""

import io
import re
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 220  # for pictures inside the drawing, as in the book's other figures


@dataclass(frozen=True)
class Drawing:
    """What `compact` returns; the last expression of a cell shows it."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Drawing({len(self.svg)} bytes of SVG)"


def compact(drawn: Figure | Axes) -> Drawing:
    """The figure, or the figure of these axes, which is closed: a notebook would show it a second time."""
    figure = drawn.figure if isinstance(drawn, Axes) else drawn
    written = io.StringIO()
    figure.savefig(written, format="svg", dpi=DPI, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    svg = written.getvalue()[written.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip()
    svg = re.sub(r"(?<=base64,)[^\"]*", lambda data: data[0].replace(" ", ""), svg)
    # a letter is a <use> of its outline: the same in half the bytes
    svg = svg.replace("DejaVuSans-", "D").replace("<use xlink:href", "<use href")
    svg = re.sub(r'(<use href="#D[^"]*") transform="translate\(([-\d.]+)(?: 0)?\)"', r'\1 x="\2"', svg)
    return Drawing(re.sub(r"(\d*[1-9]\d*\.\d\d)\d+", r"\1", svg))  # numbers below 1 are factors: all digits stay
