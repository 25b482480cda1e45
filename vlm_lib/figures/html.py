"""Opaque cards for notebook outputs that read well on the light and dark pages of the book, JupyterLab and Colab.

The card carries its style with it, since an output of a notebook cannot count on any stylesheet around it.
Used by `vlm_lib.claims` and `vlm_lib.interactive`.
"""

import re
from functools import cache
from html import escape
from importlib.resources import files


@cache
def asset(package: str, name: str) -> str:
    """The text of a package's data file."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def style(*sheets: str) -> str:
    """A `<style>` element: the card's own sheet, then the given ones, without comments and line breaks."""
    css = re.sub(r"/\*.*?\*/", "", "\n".join([asset("vlm_lib.figures", "card.css"), *sheets]), flags=re.DOTALL)
    return "<style>" + re.sub(r"\s+", " ", css).strip() + "</style>"


def inline_code(text: str) -> str:
    """Escaped HTML in which `words between backticks` are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
