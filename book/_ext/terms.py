"""Words of the book's own in running text: ids lead to the scoreboard, the glossary's terms to the glossary.

Each link carries the explanation as its title, so that a reader need not leave the page: an id the ledger's text,
a term its definition. An id is linked wherever it stands, a term where a page uses it first.
"""

import re
from pathlib import Path

from docutils import nodes
from excerpts import plain_formula
from sphinx import addnodes

from vlm_lib.claims import LedgerItem, load_ledger

GLOSSARY, SCOREBOARD = "book/glossary", "book/scoreboard"
ID = re.compile(r"\b[CQ]\d\d\b")
# Where no link belongs: in links, code, headings, captions of tables of contents, and in what is explained itself.
CLOSED = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.rubric, nodes.term, nodes.math,
          nodes.raw, nodes.citation, addnodes.pending_xref, addnodes.compact_paragraph)  # fmt: skip


def definitions(glossary: nodes.document) -> dict[str, tuple[str, str]]:
    """Each term of the glossary with its anchor and its definition."""
    found = {}
    for item in glossary.findall(nodes.definition_list_item):
        text = plain(item.next_node(nodes.definition))
        for term in item.findall(nodes.term):
            found[term.astext()] = (term["ids"][0], text)
    return found


def plain(definition: nodes.definition) -> str:
    """A definition as plain text, its formulas in readable form."""
    texts = definition.findall(nodes.Text)
    pieces = [plain_formula(t.astext()) if isinstance(t.parent, nodes.math) else t.astext() for t in texts]
    return " ".join("".join(pieces).split())


def pattern(terms: list[str]) -> re.Pattern:
    """Any of the terms as whole words, longer ones first, also with a plural's s or a capital letter."""
    longest_first = sorted(terms, key=len, reverse=True)
    words = "|".join(re.escape(term).replace(r"\ ", r"\s+") for term in longest_first)
    return re.compile(rf"(?<![\w@-])({words})s?(?![\w-])", re.IGNORECASE)


def link(text: str, uri: str, title: str, kind: str) -> nodes.reference:
    return nodes.reference("", text, internal=True, refuri=uri, reftitle=title, classes=[kind])


def id_title(item: LedgerItem) -> str:
    return f"{item.kind.capitalize()} {item.id}, {item.system}: {item.text}"


def link_words(app, doctree, docname) -> None:
    """Put the links into one page."""
    found_docs = app.env.found_docs
    if docname in (GLOSSARY, SCOREBOARD) or docname.startswith("book/api"):
        return
    rules = []
    if SCOREBOARD in found_docs:
        uri, ledger = app.builder.get_relative_uri(docname, SCOREBOARD), app.vlm_ledger
        rules.append((ID, lambda id: id in ledger and link(id, f"{uri}#{id}", id_title(ledger[id]), "ledger-id")))
    if GLOSSARY in found_docs:
        rules.append(
            (app.vlm_terms[1], first_use(app.vlm_terms[0], app.builder.get_relative_uri(docname, GLOSSARY)))
        )
    join_lines(doctree)
    for node in list(doctree.findall(nodes.Text)):
        if not in_prose(node):
            continue
        pieces = [node.astext()]
        for expression, replace in rules:
            pieces = [new for piece in pieces for new in exchanged(piece, expression, replace)]
        if len(pieces) > 1 or pieces[0] is not node.astext():
            node.parent.replace(node, [nodes.Text(p) if isinstance(p, str) else p for p in pieces])


def join_lines(doctree: nodes.document) -> None:
    """Make one text of the lines of a paragraph, since a term may be broken between two."""
    for element in doctree.findall(nodes.TextElement):
        joined: list[nodes.Node] = []
        for child in element.children:
            if joined and isinstance(child, nodes.Text) and isinstance(joined[-1], nodes.Text):
                joined[-1] = nodes.Text(joined[-1].astext() + child.astext())
            else:
                joined.append(child)
        element.clear()
        element += joined


def first_use(terms: dict[str, tuple[str, str]], uri: str):
    """What takes the place of a term: a link at its first use on a page, then nothing."""
    by_words = {" ".join(term.lower().split()): (anchor, text) for term, (anchor, text) in terms.items()}
    used = set()

    def replace(words: str):
        key = " ".join(words.lower().split())
        anchor, text = by_words.get(key) or by_words[key.removesuffix("s")]
        if anchor in used:
            return None
        used.add(anchor)
        return link(words, f"{uri}#{anchor}", text, "glossary-term")

    return replace


def ancestors(node: nodes.Node) -> list[nodes.Node]:
    """What a node stands in, from the inside out."""
    found = []
    while (node := node.parent) is not None:
        found.append(node)
    return found


def in_prose(node: nodes.Text) -> bool:
    """Whether a text stands in a paragraph, outside of everything that must stay as it is."""
    around = ancestors(node)
    return any(isinstance(p, nodes.paragraph) for p in around) and not any(isinstance(p, CLOSED) for p in around)


def exchanged(piece, expression: re.Pattern, replace) -> list:
    """A piece of text cut at the matches that something takes the place of; other pieces stay whole."""
    if not isinstance(piece, str):
        return [piece]
    parts, end = [], 0
    for match in expression.finditer(piece):
        new = replace(match[0])
        if new:
            parts += [piece[end : match.start()], new]
            end = match.end()
    return [part for part in [*parts, piece[end:]] if part != ""] if parts else [piece]


def read(app, env) -> None:
    """Read the ledger and the glossary once all pages are known."""
    app.vlm_ledger = load_ledger(Path(app.srcdir, "book", "ledger.yml"))
    terms = definitions(env.get_doctree(GLOSSARY)) if GLOSSARY in env.found_docs else {}
    app.vlm_terms = (terms, pattern(list(terms)))


def setup(app):
    app.connect("env-check-consistency", read)
    app.connect("doctree-resolved", link_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
