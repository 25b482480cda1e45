"""Search results with excerpts, also where the book is opened from a folder and a page cannot fetch another one.

The texts of all pages, section by section and with formulas in readable form, become one script that the search
page loads; search.js shows what stands around the words that were looked for.
"""

import json
import re
import unicodedata
from pathlib import Path

from docutils import nodes

SKIPPED = (nodes.raw, nodes.comment, nodes.title)
FORMULAS = (nodes.math, nodes.math_block)


def plain_formula(tex: str) -> str:
    """LaTeX as a reader would type it: `\\phi(\\ell)` becomes φ(ell), `\\frac{a}{b}` becomes a/b."""
    tex = re.sub(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2", tex)
    tex = re.sub(
        r"\\(?:mathcal|mathbb|mathrm|text|operatorname|left|right|begin\{\w+\}|end\{\w+\}|[,;!])", " ", tex
    )
    tex = re.sub(r"\\([a-zA-Z]+)", lambda command: greek(command[1]), tex)
    return " ".join(re.sub(r"[{}\\&$]", " ", tex).split())


def formulas_as_text(text: str) -> str:
    """Markdown whose formulas between dollar signs are in readable form."""
    return re.sub(r"\$([^$]+)\$", lambda formula: plain_formula(formula[1]), text)


def greek(name: str) -> str:
    """The letter that a command names, or the command's own name."""
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {name.upper()}")
    except KeyError:
        return name


def sections(doctree: nodes.document) -> list[tuple[str, str]]:
    """Pairs of a section's anchor and its text, without its subsections. Changes the doctree."""
    for node in list(doctree.findall(lambda node: isinstance(node, SKIPPED + FORMULAS))):
        text = plain_formula(node.astext()) if isinstance(node, FORMULAS) else ""
        node.parent.replace(node, nodes.Text(text))
    return [(section["ids"][0], own_text(section)) for section in doctree.findall(nodes.section)]


def own_text(section: nodes.section) -> str:
    children = [child for child in section.children if not isinstance(child, nodes.section)]
    return " ".join(" ".join(child.astext() for child in children).split())


def write_texts(app, exception) -> None:
    """Write the script that holds the texts."""
    if exception is None and app.builder.format == "html":
        texts = {name: sections(app.env.get_doctree(name)) for name in sorted(app.env.found_docs)}
        script = f"const SEARCH_TEXTS = {json.dumps(texts, ensure_ascii=False)};\n"
        Path(app.outdir, "_static", "search_texts.js").write_text(script, encoding="utf-8")


def load_on_search_page(app, pagename, templatename, context, doctree) -> None:
    if pagename == "search":
        app.add_js_file("search_texts.js", loading_method="defer")
        app.add_js_file("search.js", loading_method="defer")


def setup(app):
    app.connect("config-inited", lambda app, config: setattr(config, "html_show_search_summary", False))
    app.connect("html-page-context", load_on_search_page)
    app.connect("build-finished", write_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
