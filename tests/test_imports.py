"""Imports of the library point one way, and no file imports itself by a detour."""

import ast
from pathlib import Path

import pytest

import vlm_lib

LIBRARY = Path(vlm_lib.__file__).parent
# A file may import from its own room and from the rows above its own; rooms of one row know nothing of each other.
# The first two rows are single files that stand below everything, wherever they lie.
ORDER = (
    ("checks", "cache"),
    ("training.seeds", "training.progress", "training.threads"),
    ("kernels", "data"),
    ("attention", "losses"),
    ("models",),
    ("training", "decoding"),
    ("evaluation",),
    ("zoo",),
    ("figures",),
    ("prompting", "interactive", "claims"),
    ("grading", "bench"),
)
ROW = {room: row for row, rooms in enumerate(ORDER) for room in rooms}


def modules(folder: Path) -> dict[str, str]:
    """Dotted name below the library -> source, for every file but the library's own (empty) __init__."""
    files = sorted(folder.rglob("*.py"))
    names = [".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__") for path in files]
    return {name: path.read_text() for name, path in zip(names, files, strict=True) if name != "__init__"}


def imports(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which of the modules each one imports, wherever in the file, with `import a.b` or `from a import b`."""
    found = {}
    for name, source in sources.items():
        targets = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative import"
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {one if one.removeprefix("vlm_lib.") in sources else node.module for one in full}
        below = {target.removeprefix("vlm_lib.") for target in targets if target.startswith("vlm_lib.")}
        found[name] = below & set(sources)
    return found


def room(module: str) -> str:
    return module if module in ROW else module.split(".")[0]


def upward(graph: dict[str, set[str]]) -> list[str]:
    """Imports that leave a room for one that does not stand in a row above."""
    return [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in sorted(targets)
        if room(target) != room(name) and ROW[room(target)] >= ROW[room(name)]
    ]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A chain of imports that ends where it begins, or nothing."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for target in sorted(graph[name]):
                if found := visit(target, [*path, name]):
                    return found
            done.add(name)
        return []

    return next((found for name in graph if (found := visit(name, []))), [])


@pytest.fixture(scope="module")
def graph():
    return imports(modules(LIBRARY))


def test_every_room_has_its_place_in_the_order(graph):
    assert {room(name) for name in graph} <= set(ROW)
    assert sum(len(targets) for targets in graph.values()) > 100


def test_imports_point_one_way(graph):
    assert upward(graph) == []


def test_no_file_imports_itself_by_a_detour(graph):
    assert circle(graph) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from vlm_lib.zoo import tiny", ["models.clip imports zoo.tiny"]),
        ("from vlm_lib import zoo", ["models.clip imports zoo"]),
        ("import vlm_lib.zoo.tiny", ["models.clip imports zoo.tiny"]),
        ("def f():\n    from vlm_lib.zoo.tiny import x", ["models.clip imports zoo.tiny"]),
        ("from vlm_lib.training.seeds import stream", []),
        ("from vlm_lib.training import fit", ["models.clip imports training.fit"]),
        ("from vlm_lib.models.towers import x", []),
        ("from vlm_lib import data", []),
    ],
)
def test_a_wrong_import_is_found(source, found):
    others = ("zoo", "zoo.tiny", "training", "training.fit", "training.seeds", "models", "models.towers", "data")
    assert upward(imports({"models.clip": source} | dict.fromkeys(others, ""))) == found


def test_a_circle_is_found():
    sources = {"data.a": "from vlm_lib.data import b", "data.b": "import vlm_lib.data.c", "data.c": "", "data": ""}
    assert circle(imports(sources)) == []
    sources["data.c"] = "if TYPE_CHECKING:\n    from vlm_lib.data.a import x"
    assert circle(imports(sources)) == ["data.a", "data.b", "data.c", "data.a"]
