"""Pictures that only the chapter on Flamingo draws. Chapter: 34_flamingo."""

from matplotlib.figure import Figure

from vlm_lib.figures.boxes import DATA, FROZEN, INK, TRAINED, arrow, box, canvas


def architecture() -> Figure:
    """Two images and their text go through a frozen tower, a resampler, gated blocks and a frozen LM."""
    figure, axes = canvas(8.4, 4.6)
    for number, x in ((1, 0.2), (2, 1.75)):
        box(axes, x, 0.2, 1.35, 0.5, f"image {number}", DATA)
        box(axes, x, 1.1, 1.35, 0.6, "vision tower", FROZEN)
        box(axes, x, 2.1, 1.35, 0.7, "resampler\n→ R tokens", TRAINED)
        arrow(axes, (x + 0.675, 0.7), (x + 0.675, 1.1))
        arrow(axes, (x + 0.675, 1.7), (x + 0.675, 2.1))
    words = ["<image>", "a", "cat", "<image>", "a", "dog"]
    seen = [1, 1, 1, 2, 2, 2]
    for position, (word, image) in enumerate(zip(words, seen, strict=True)):
        x = 3.75 + position * 0.76
        box(axes, x, 0.2, 0.68, 0.5, word, DATA)
        axes.text(x + 0.34, 0.86, f"φ={image}", ha="center", fontsize=8.5, color=INK)
        arrow(axes, (x + 0.34, 1.0), (x + 0.34, 1.35))
    for level, y in enumerate((1.35, 2.95)):
        box(axes, 3.75, y, 4.48, 0.55, f"gated cross-attention + feed-forward, block {level + 1}", TRAINED)
        box(axes, 3.75, y + 0.72, 4.48, 0.55, f"LM layer {level + 1}: causal self-attention", FROZEN)
        arrow(axes, (5.99, y + 0.55), (5.99, y + 0.72))
    arrow(axes, (5.99, 2.62), (5.99, 2.95))
    arrow(axes, (5.99, 4.22), (5.99, 4.5))
    axes.text(6.12, 4.36, "next token", fontsize=9, va="center", color=INK)
    arrow(axes, (3.1, 2.45), (3.75, 1.75))
    arrow(axes, (3.1, 2.55), (3.75, 3.15))
    for x, colour, label in ((0.2, FROZEN, "frozen"), (1.2, TRAINED, "trained"), (2.2, DATA, "data")):
        box(axes, x, 4.05, 0.25, 0.22, "", colour)
        axes.text(x + 0.33, 4.16, label, fontsize=9, va="center", color=INK)
    return figure
