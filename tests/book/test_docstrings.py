"""What the library's docstrings promise exists: the chapters that they cite."""

import ast
import re

import pytest
from pairs import ROOT, chapters

CHAPTERS = {path.stem for path in chapters()}
FILES = sorted((ROOT / "vlm_lib").rglob("*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def cited(source: str) -> set[str]:
    """Names of chapters, two digits and a word, in the docstrings of a file."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED)]
    return {name for node in nodes for name in re.findall(r"\b[0-6][1-9]_[a-z]\w*", ast.get_docstring(node) or "")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_cite_chapters_that_exist(path):
    assert cited(path.read_text()) <= CHAPTERS


def test_citations_are_found_where_they_stand():
    assert {"03_attention", "34_flamingo"} <= set().union(*(cited(path.read_text()) for path in FILES))
    method = '    def f(self):\n        "99_no 03_e"\n        return "04_f"\n'
    source = f'"""See 01_a."""\nclass A:\n    """02_b, 35_c_d."""\n{method}'
    assert cited(source) == {"01_a", "02_b", "35_c_d", "03_e"}
