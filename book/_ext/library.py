"""The directives `{library}` and `{packages}`: the public names of vlm_lib, read from its source, not imported.

`{library} attention` shows one package, a page of book/api/. `{packages}` lists those pages in their order in
_toc.yml, which is an order in which imports point (a test compares). Signatures are shown as they are written,
since their shapes, `Float[Tensor, "batch seq dim"]`, are what a reader looks for. Docstrings are read as Markdown.
"""

import ast
import re
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def modules(package: Path) -> list[Path]:
    """The files of a package that hold public names, in reading order."""
    return sorted(path for path in package.rglob("*.py") if path.stem != "__main__" and public_nodes(path))


def public_nodes(path: Path) -> list[ast.AST]:
    """Functions and classes of a file that have a public name and a docstring."""
    return documented(ast.parse(path.read_text()).body, ast.FunctionDef, ast.ClassDef)


def documented(body: list[ast.AST], *kinds: type) -> list[ast.AST]:
    """The public definitions with a docstring among some statements."""
    return [
        node
        for node in body
        if isinstance(node, kinds) and not node.name.startswith("_") and ast.get_docstring(node)
    ]


def signature(node: ast.AST) -> str:
    """The head of a definition as its author wrote it, one argument a line where it is long."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = ast.unparse(node.args).replace("'", '"')
    one_line = f"{node.name}({arguments}){returns}".replace("'", '"')
    if len(one_line) <= 84:
        return one_line
    parts = re.split(r", (?=[*\w]+(?:[:=]|$|,))", arguments)
    return f"{node.name}(\n    " + ",\n    ".join(parts) + ",\n)" + returns.replace("'", '"')


def as_markdown(docstring: str, chapters: set[str]) -> str:
    """A docstring as the Markdown that it nearly is: only code between backticks is taken literally.

    Outside code, characters that Markdown would take for markup are escaped, a line that says what one argument is
    (`lr: the rate`), or `Raises:`, begins a paragraph, and the names of written chapters become links.
    """
    pieces = re.split(r"(``?[^`]+``?)", docstring)
    for i in range(0, len(pieces), 2):
        text = re.sub(r"([<$*\[\]{}\\])", r"\\\1", pieces[i])
        text = re.sub(r"\n(?=\w+(?:, \w+)*: )", "\n\n", text)
        pieces[i] = re.sub(
            r"\b\d\d_[a-z_]+\b",
            lambda name: f"[{name[0]}](/notebooks/{name[0]}.ipynb)" if name[0] in chapters else name[0],
            text,
        )
    return "".join(pieces)


class Library(SphinxDirective):
    """What a package is about, and a section for each of its files; without an argument, the files beside them."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir, "vlm_lib")
        if not self.arguments:
            return [self.section(path, root) for path in sorted(root.glob("*.py")) if public_nodes(path)]
        package = root / self.arguments[0]
        if not package.is_dir():
            raise self.error(f"vlm_lib has no package {self.arguments[0]!r}")
        about = self.prose(ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or "")
        return [*about, *(self.section(path, root) for path in modules(package))]

    def section(self, path: Path, root: Path) -> nodes.section:
        self.env.note_dependency(str(path))
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        section = nodes.section(ids=[nodes.make_id(name)], names=[name], classes=["library-module"])
        section += nodes.title(name, "", nodes.literal(name, name))
        if path.stem != "__init__":
            section += self.prose(ast.get_docstring(ast.parse(path.read_text())) or "")
        for node in public_nodes(path):
            box = nodes.container(classes=["library-entry"], ids=[nodes.make_id(f"{name}-{node.name}")])
            methods = documented(node.body, ast.FunctionDef) if isinstance(node, ast.ClassDef) else []
            for shown in [node, *methods]:
                box += code(signature(shown))
                box += self.prose(ast.get_docstring(shown))
            section += box
        return section

    def prose(self, docstring: str) -> list[nodes.Node]:
        return self.parse_text_to_nodes(as_markdown(docstring, written(self.env)))


class Packages(SphinxDirective):
    """A line for each page of the library, with the first sentence of its package's docstring."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        text = ""
        for name in package_pages(root / "_toc.yml"):
            path = root / "vlm_lib" / name / "__init__.py"
            self.env.note_dependency(str(path))
            first = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
            text += (
                f"[`{name}`](/book/api/{name}.md)\n: {as_markdown(' '.join(first.split()), written(self.env))}\n\n"
            )
        return self.parse_text_to_nodes(text)


def written(env) -> set[str]:
    """The names of the chapters that the book holds."""
    return {Path(doc).name for doc in env.found_docs if doc.startswith("notebooks/")}


def package_pages(toc: Path) -> list[str]:
    """The packages that have a page, in the order of the table of contents."""
    entries = [chapter for part in yaml.safe_load(toc.read_text())["parts"] for chapter in part["chapters"]]
    files = [section["file"] for entry in entries for section in entry.get("sections", [])]
    return [Path(file).name for file in files if file.startswith("book/api/")]


def code(text: str) -> nodes.literal_block:
    block = nodes.literal_block(text, text, classes=["library-signature"])
    block["language"] = "python"
    return block


def setup(app):
    app.add_directive("library", Library)
    app.add_directive("packages", Packages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
