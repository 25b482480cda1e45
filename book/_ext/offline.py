"""Keep the built book whole without a network: MathJax comes with the pages, nothing is asked for elsewhere."""

from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

# Of the 24 MB that the package ships, the parts that a page of ours can load.
MATHJAX_PARTS = ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def configure(app, config) -> None:
    """Point MathJax at the book's own copy, and show a widget's text where the page has no kernel to draw it."""
    config.mathjax_path = "mathjax/tex-mml-chtml.js"
    config.nb_mime_priority_overrides = [("html", WIDGET_VIEW, None)]
    remove_thebe(app)


def remove_thebe(app) -> None:
    """Undo what sphinx_thebe, which Jupyter Book always loads, adds to every page: a script from elsewhere."""
    for name, listeners in app.events.listeners.items():
        app.events.listeners[name] = [entry for entry in listeners if entry.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files = [entry for entry in app.registry.css_files if entry[0] != "sphinx-thebe.css"]


def copy_mathjax(app, exception) -> None:
    """Copy MathJax from the installed package into the built book, once."""
    target = Path(app.outdir, "_static", "mathjax")
    if exception is not None or app.builder.format != "html" or target.exists():
        return
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for part in MATHJAX_PARTS:
        folder = target / part if (source / part).is_dir() else (target / part).parent
        folder.mkdir(parents=True, exist_ok=True)
        copy_asset(source / part, folder)


def setup(app):
    app.connect("config-inited", configure, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
