"""The book's matplotlib style and its colours: Okabe and Ito's (2008), which colour-blind readers tell apart."""

import sys

import matplotlib.pyplot as plt
from cycler import cycler

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
OKABE_ITO = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "#000000", YELLOW)  # yellow last: it is faint on white
INK, FAINT = "#1f2328", "#d0d7de"
INK_ON_COLOUR = "#1f2329"  # for letters on a cell whose colour comes from a map of colours, the same on dark pages
ORANGE_TEXT = "#9a5b00"  # Okabe and Ito's orange is too light for letters on white

# Colours that take another shade on a dark page of the book; book/_ext/drawings.py exchanges them.
PALETTE = {
    "#ffffff": "#121212",
    "#000000": "#e6edf3",
    INK: "#e6edf3",
    FAINT: "#444c56",
    BLUE.lower(): "#4aa3df",
    SKY.lower(): "#b3e0f7",
    ORANGE_TEXT: "#e69f00",
    "#cfe3f3": "#1b3b52",  # the fillings of boxes: image, text, both, neither
    "#ffe0b3": "#57400f",
    "#e6e1d6": "#403c33",
    "#f1f1f1": "#2d333b",
}


def use_style() -> None:
    """Set matplotlib's defaults to the book's style; the library's figures call it themselves.

    In a notebook, figures become SVG: crisp at any size, and the same bytes from the same numbers.
    """
    _draw_as_svg_in_notebooks()
    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "savefig.transparent": False,
            "axes.facecolor": "white",
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.prop_cycle": cycler(color=OKABE_ITO),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "grid.color": FAINT,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.interpolation": "none",  # pixels as they are; an SVG then holds no more of them than there are
            "svg.hashsalt": "vlm_lib",  # names inside the file depend on its content, not on chance
        }
    )


def _draw_as_svg_in_notebooks() -> None:
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # dpi counts for images inside the figure: they are stored at twice the size at which a page shows them
        set_matplotlib_formats("svg", dpi=192, bbox_inches="tight", metadata={"Date": None})
