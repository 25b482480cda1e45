"""The book's matplotlib style and its colours: Okabe and Ito's (2008), which colour-blind readers tell apart."""

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


def use_style() -> None:
    """Set matplotlib's defaults to the book's style; the figures below call it themselves."""
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
        }
    )
