"""The chapters as files: their two halves, and the hash that tells whether the executed half is still true.

An .ipynb is stale when a code cell, or any file of vlm_lib that the chapter imports directly or through another
file, is no longer what it was when the outputs were made. File times say nothing in a fresh clone, so `make run`
writes a hash of exactly that text into the notebook's metadata, and the tests compare it.
"""

import ast
import hashlib
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[2]
HASH_KEY = "vlm_book"


def chapters(root: Path = ROOT) -> list[Path]:
    """The text halves of all chapters, in order."""
    return sorted((root / "notebooks").glob("[0-9]*.md"))


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    """The sources of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def imported_modules(source: str) -> set[str]:
    """Dotted names under vlm_lib that Python source text imports, wherever the import stands in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "vlm_lib"}


def files_of(module: str, root: Path) -> list[Path]:
    """The files behind a dotted name: the module and every package above it, with the packages' data files."""
    files = []
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:depth])
        if path.with_suffix(".py").is_file():
            files.append(path.with_suffix(".py"))
        elif path.is_dir():
            files += [file for file in path.iterdir() if file.name == "__init__.py" or file.suffix == ".gz"]
    return files


def library_files(sources: list[str], root: Path = ROOT) -> list[Path]:
    """All files of vlm_lib that code with these sources can reach by imports."""
    seen: set[Path] = set()
    todo = list(sources)
    while todo:
        for module in imported_modules(todo.pop()):
            for file in files_of(module, root):
                if file not in seen:
                    seen.add(file)
                    if file.suffix == ".py":
                        todo.append(file.read_text())
    return sorted(seen)


def without_magics(source: str) -> str:
    """A cell's source without IPython's own lines, which Python cannot parse."""
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


def state_hash(text_half: Path, root: Path = ROOT) -> str:
    """Hash of the chapter's code cells and of the library files they reach."""
    cells = code_of(jupytext.read(text_half))
    digest = hashlib.sha256("\0".join(cells).encode())
    for file in library_files([without_magics(cell) for cell in cells], root):
        digest.update(f"\0{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def as_jupyter_writes(text_half: Path) -> str:
    """The text half as jupytext writes it from the executed half, so that pairing in JupyterLab changes nothing.

    It wraps the metadata of cells (captions, alt texts) at 80 characters, and leaves everything else as it is.
    """
    config = jupytext.config.load_jupytext_config(str(text_half))
    return jupytext.writes(jupytext.read(text_half), fmt="md:myst", config=config)


def recorded_hash(executed_half: Path) -> str | None:
    """The hash that the executed half was made from, or None where there is no such record."""
    if not executed_half.exists():
        return None
    metadata = nbformat.read(executed_half, as_version=4).metadata
    return metadata.get(HASH_KEY, {}).get("executed_from")


def is_stale(text_half: Path, root: Path = ROOT) -> bool:
    """Whether the outputs in the .ipynb half were made by other code than stands there now."""
    return recorded_hash(text_half.with_suffix(".ipynb")) != state_hash(text_half, root)
