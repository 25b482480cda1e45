"""Habits that a check forbids: tests that assert nothing, pins in the package, requirements without one."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib
from pairs import ROOT

TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def silent_tests(source: str) -> list[str]:
    """Test functions that check nothing: no assert, no pytest.raises or fail, no call of what asserts."""
    tree = ast.parse(source)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    def asserts(node: ast.AST, seen: frozenset[str]) -> bool:
        for part in ast.walk(node):
            if isinstance(part, ast.Assert):
                return True
            if isinstance(part, ast.Call):
                name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
                if name in ("raises", "fail", "warns") or name.startswith(("assert", "gradcheck")):
                    return True
                if name in functions and name not in seen and asserts(functions[name], seen | {name}):
                    return True
        return False

    return [
        name
        for name, node in functions.items()
        if name.startswith("test") and not asserts(node, frozenset({name}))
    ]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_every_test_asserts_something(path):
    assert silent_tests(path.read_text()) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("1 + 1", ["test_x"]),
        ("print(1)", ["test_x"]),
        ("assert 1", []),
        ("torch.testing.assert_close(1, 1)", []),
        ("helper()", []),
        ("with pytest.raises(ValueError): f()", []),
    ],
)
def test_a_test_without_assertions_is_found(body, found):
    assert silent_tests(f"def helper():\n    assert True\n\n\ndef test_x():\n    {body}\n") == found


def test_the_package_pins_no_exact_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(need for group in project["optional-dependencies"].values() for need in group),
    ]
    assert wanted
    assert [need for need in wanted if "==" in need] == []


def test_every_requirement_is_pinned_exactly():
    lines = [
        line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert len(lines) > 100
    assert [line for line in lines if not re.match(r"[\w.-]+==[\w.]+( ; .*)?$", line)] == []


@pytest.mark.parametrize(("line", "code"), [("1 == 2", "B015"), ("assert 1 == 2", None)])
def test_ruff_finds_a_test_that_only_looks_like_one(line, code):
    source = f"def test_x():\n    {line}\n"
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--output-format=json",
        "--stdin-filename=tests/test_x.py",
        "-",
    ]
    found = json.loads(subprocess.run(command, input=source, cwd=ROOT, capture_output=True, text=True).stdout)
    assert [violation["code"] for violation in found] == ([code] if code else [])


def test_nothing_stands_at_the_top_but_what_belongs_there():
    known = {
        "README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-DATA.md", "Makefile",
        "pyproject.toml", "requirements.txt", "_config.yml", "_toc.yml", "jupytext.toml", ".ci",
        ".gitattributes", ".gitignore", "book", "notebooks", "vlm_lib", "tests",
    }  # fmt: skip
    made = {".git", ".venv", ".whl", "_build", "vlm_lib.egg-info", ".pytest_cache", ".ruff_cache", ".hypothesis"}
    assert {path.name for path in Path(ROOT).iterdir()} - known - made == set()
