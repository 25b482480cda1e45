"""The frame around every interactive figure: a static picture, a live part that a script fills, a caption.

The static part is what readers see without scripts (also in untrusted notebooks and in PDF); the script hides it
once the live part stands. All of it is text in one output: no file is fetched, and no kernel is asked.
"""

import hashlib
import json
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from vlm_lib.figures.html import asset, style

_PACKAGE = "vlm_lib.interactive"


@dataclass(frozen=True)
class Html:
    """HTML that a notebook shows as it stands. `alt` says in words what a reader who cannot see it misses."""

    html: str
    alt: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"[{self.alt}]"


def figure(name: str, *, config: dict[str, Any], static: str, alt: str, caption: str = "") -> Html:
    """An interactive figure: its script is `assets/<name>.js`, its style, if it needs one, `assets/<name>.css`.

    The script defines `mount(root, config, publish)`: it fills the element `root` from `config` (plain JSON) and
    calls `publish(state)` after each change, which stores the state as JSON in the figure's `data-state`, where
    tests read it. `static` is HTML made here in Python, `alt` the figure's accessible name, `caption` plain text
    below. The figure's id is a hash of its content, so executing a notebook again changes nothing.
    Raises `ValueError` for an unknown name or an empty `static` or `alt`.
    """
    if not files(_PACKAGE).joinpath("assets", f"{name}.js").is_file():
        raise ValueError(f"name is {name!r}, expected one of the scripts in vlm_lib/interactive/assets")
    for argument, text in {"static": static, "alt": alt}.items():
        if not text.strip():
            raise ValueError(f"{argument} is empty, expected what readers without scripts or without sight get")
    sheet = f"{name}.css"
    has_sheet = files(_PACKAGE).joinpath("assets", sheet).is_file()
    css = style(*(asset(_PACKAGE, f"assets/{part}") for part in ["base.css", *([sheet] if has_sheet else [])]))
    script = asset(_PACKAGE, "assets/base.js") + asset(_PACKAGE, f"assets/{name}.js")
    data = json.dumps(config, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    content = "".join([name, data, static, alt, caption, css, script])
    key = "vlm-" + hashlib.sha256(content.encode()).hexdigest()[:10]
    return Html(
        f'{css}<figure class="vlm-card vlm-figure vlm-{name.replace("_", "-")}" id="{key}" '
        f'aria-label="{escape(alt)}">'
        f'<div class="vlm-static">{static}</div><div class="vlm-live" hidden></div>{below}'
        f'<script type="application/json" class="vlm-config">{data}</script></figure>'
        f'<script>(() => {{"use strict";\n{script}\nstart("{key}", mount);\n}})();</script>',
        alt,
    )
