"""The directive `{library}`: the public names of vlm_lib, read from its source without importing it.

Signatures are shown as they are written, because the shapes in them (`Float[Tensor, "batch seq dim"]`) are what a
reader looks for, and a rendering from live objects would lose them.
"""

import ast
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

# The order in which imports point: a file uses only what stands before it.
ORDER = (
    "data",
    "masks",
    "attention",
    "losses",
    "kernels",
    "models",
    "training",
    "mixing",
    "zoo",
    "decoding",
    "prompting",
)


def modules(package: Path) -> list[Path]:
    """The library's files in reading order, those that only a program runs left out."""

    def key(path: Path):
        parts = path.relative_to(package).with_suffix("").parts
        return ORDER.index(parts[0]) if parts[0] in ORDER else len(ORDER), parts

    files = [path for path in package.rglob("*.py") if path.stem != "__main__" and public_nodes(path)]
    return sorted(files, key=key)


def public_nodes(path: Path) -> list[ast.AST]:
    """Functions and classes of a file that have a public name and a docstring."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, kinds)]
    return [node for node in found if not node.name.startswith("_") and ast.get_docstring(node)]


def dotted(path: Path, package: Path) -> str:
    """The import name of a file."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def signature(node: ast.AST) -> str:
    """The head of a definition as its author wrote it, with short names for long qualified ones kept."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = ast.unparse(node.args).replace("'", '"')
    one_line = f"{node.name}({arguments}){returns}".replace("'", '"')
    if len(one_line) <= 88:
        return one_line
    parts = re.split(r", (?=[*\w]+(?:[:=]|$|,))", arguments)
    return f"{node.name}(\n    " + ",\n    ".join(parts) + ",\n)" + returns.replace("'", '"')


def prose(text: str) -> nodes.paragraph:
    """A docstring paragraph with `code` as code; lines are joined, but for list items and words like Raises:"""
    if not text.startswith(" "):
        text = re.sub(r"\n\s*(?!- |[A-Z]\w*:)", " ", text)
    paragraph = nodes.paragraph(classes=["library-doc"])
    for index, piece in enumerate(re.split(r"``?([^`]+)``?", text)):
        paragraph += nodes.literal(piece, piece) if index % 2 else nodes.Text(piece)
    return paragraph


def code(text: str) -> nodes.literal_block:
    block = nodes.literal_block(text, text, classes=["library-signature"])
    block["language"] = "python"
    return block


class Library(SphinxDirective):
    """Sections for all modules: the module's docstring, then each public name with signature and docstring."""

    def run(self) -> list[nodes.Node]:
        package = Path(self.env.srcdir, "vlm_lib")
        sections = []
        for path in modules(package):
            self.env.note_dependency(str(path))
            name = dotted(path, package)
            section = nodes.section(ids=[nodes.make_id(name)], names=[name], classes=["library-module"])
            title = name.removeprefix("vlm_lib.")
            section += nodes.title(title, "", nodes.literal(title, title))
            about = ast.get_docstring(ast.parse(path.read_text()))
            section += [prose(part) for part in (about or "").split("\n\n") if part]
            for node in public_nodes(path):
                section += self.entry(name, node)
            sections.append(section)
        return sections

    def entry(self, module: str, node: ast.AST) -> nodes.Node:
        """One public name, and for a class its public methods."""
        box = nodes.container(classes=["library-entry"], ids=[nodes.make_id(f"{module}-{node.name}")])
        box += code(signature(node))
        box += [prose(part) for part in ast.get_docstring(node).split("\n\n")]
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if (
                    isinstance(method, ast.FunctionDef)
                    and not method.name.startswith("_")
                    and ast.get_docstring(method)
                ):
                    box += code(signature(method))
                    box += [prose(part) for part in ast.get_docstring(method).split("\n\n")]
        return box


def setup(app):
    app.add_directive("library", Library)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
