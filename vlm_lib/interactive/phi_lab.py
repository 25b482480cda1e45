"""The phi explorer for a live kernel: every change runs `vlm_lib.attention.masks` itself. Chapter: 34_flamingo."""

import base64
from html import escape
from io import BytesIO

import ipywidgets as widgets
import matplotlib.pyplot as plt

from vlm_lib.figures.html import asset, style
from vlm_lib.figures.plots import mask_figure
from vlm_lib.interactive.phi_explorer import IMAGE, MASKS, MAX_TOKENS, mask_table, phi_of


class PhiLab(widgets.VBox):
    """Text box, choice of mask and number of visual tokens per image above a picture and a table of the mask.

    Two-way: set `text.value`, `mask.value` or `tokens_per_image.value` from another cell, and read back `phi`
    [seq] and `allowed` [seq, images * tokens], the tensors that the picture shows (None while there is a message).
    """

    def __init__(self, sequence: str):
        self.text = widgets.Text(value=sequence, description="Sequence", layout={"width": "100%"})
        self.mask = widgets.Dropdown(options=list(MASKS), description="Mask")
        self.tokens_per_image = widgets.BoundedIntText(value=1, min=1, max=8, description="Tokens/image")
        self.message, self.picture, self.table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.phi = self.allowed = None
        controls = [self.text, self.mask, self.tokens_per_image]
        for control in controls:
            control.observe(lambda _: self.draw(), names="value")
        super().__init__([*controls, self.message, self.picture, self.table])
        self.draw()

    def draw(self) -> None:
        """Compute everything anew from the controls."""
        tokens = self.text.value.split()
        problem = _problem(tokens)
        self.message.value = f"<strong>{escape(problem)}</strong>"
        if problem:
            self.phi = self.allowed = None
            self.picture.value = self.table.value = ""
            return
        per_image, build = self.tokens_per_image.value, MASKS[self.mask.value]
        phi = phi_of(tokens)
        images = int(phi.max())
        self.phi, self.allowed = phi[0], build(phi, images, per_image)[0]
        columns = [
            f"{i + 1}.{j + 1}" if per_image > 1 else f"{i + 1}" for i in range(images) for j in range(per_image)
        ]
        self.picture.value = _picture(self.allowed, tokens, columns, f"Mask: {self.mask.value}")
        css = style(asset("vlm_lib.interactive", "assets/base.css"))
        by_image = self.allowed[:, ::per_image]
        self.table.value = f'{css}<div class="vlm-card">{mask_table(tokens, self.phi, by_image)}</div>'


def phi_lab(sequence: str = "a dog <image> sits <image> and runs") -> PhiLab:
    """The lab, starting from `sequence`: tokens separated by spaces, `<image>` marks an image."""
    return PhiLab(sequence)


def _problem(tokens: list[str]) -> str:
    if not tokens:
        return "The sequence is empty: type at least one token."
    if len(tokens) > MAX_TOKENS:
        return f"That is {len(tokens)} tokens; the lab takes up to {MAX_TOKENS}."
    if IMAGE not in tokens:
        return f"There is no {IMAGE} in the sequence, so no token attends to any image."
    return ""


def _picture(mask, rows: list[str], columns: list[str], title: str) -> str:
    axes = mask_figure(
        mask, rows, columns, title=title, column_axis="image.visual token" if "." in columns[0] else "image"
    )
    buffer = BytesIO()
    axes.figure.savefig(buffer, format="png")
    plt.close(axes.figure)
    alt = f"{title}: {int(mask.sum())} of {mask.numel()} pairs of text token and visual token may attend"
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}" style="max-width: 100%">'
