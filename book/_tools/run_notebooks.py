"""Bring the .ipynb half of each chapter up to date, and execute it only where its code changed (`make run`)."""

import argparse
import os
import re
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from pairs import HASH_KEY, ROOT, as_jupyter_writes, chapters, is_stale, state_hash

from vlm_lib.cache import write_atomically

CELL_TIMEOUT = 1200  # seconds; a chapter's budget is far below it, so only a hang ends here


def refresh_text(text_half: Path) -> nbformat.NotebookNode:
    """The chapter as its .md half has it, with the outputs that the .ipynb half has for the same cells."""
    notebook = jupytext.read(text_half)
    executed_half = text_half.with_suffix(".ipynb")
    if executed_half.exists():
        old = nbformat.read(executed_half, as_version=4)
        notebook = jupytext.combine.combine_inputs_with_outputs(notebook, old, fmt="md:myst")
        if HASH_KEY in old.metadata:
            notebook.metadata[HASH_KEY] = old.metadata[HASH_KEY]
    # Cells of the .md half have no ids; numbering them keeps a diff to the cells that changed.
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
    # The pairing stands in jupytext.toml, the interpreter's patch version says nothing about the chapter.
    notebook.metadata.pop("jupytext", None)
    return notebook


VIEW = "application/vnd.jupyter.widget-view+json"


def drop_progress_bars(notebook: nbformat.NotebookNode) -> None:
    """Take progress bars out of the outputs: tqdm draws its widget even where TQDM_DISABLE asks it not to."""
    views = False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress_bar(output)]
            views |= any(VIEW in output.get("data", {}) for output in cell.outputs)
    if not views:
        notebook.metadata.pop("widgets", None)


def is_progress_bar(output: nbformat.NotebookNode) -> bool:
    data = output.get("data", {})
    return VIEW in data and re.search(r"\d%\|.*\d/\d", data.get("text/plain", "")) is not None


def save(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all."""
    write_atomically(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in place, in a fresh kernel that starts in `folder`; the first error ends it."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    notebook.metadata.get("language_info", {}).pop("version", None)


def update(text_half: Path, force: bool, root: Path = ROOT) -> str:
    """Update one chapter; returns what was done. The text half is wrapped as JupyterLab would wrap it."""
    wrapped = as_jupyter_writes(text_half)
    if wrapped != text_half.read_text(encoding="utf-8"):
        write_atomically(text_half, wrapped)
    state = state_hash(text_half, root)  # before the run: an edit made meanwhile must leave the notebook stale
    notebook = refresh_text(text_half)
    if not force and not is_stale(text_half, root):
        drop_progress_bars(notebook)
        save(notebook, text_half.with_suffix(".ipynb"))
        return "unchanged code, outputs kept"
    start = time.perf_counter()
    execute(notebook, text_half.parent)
    notebook.metadata[HASH_KEY] = {"executed_from": state}
    drop_progress_bars(notebook)
    save(notebook, text_half.with_suffix(".ipynb"))
    return f"executed in {time.perf_counter() - start:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapter", nargs="*", help="names such as 34_flamingo; all chapters if none is given")
    parser.add_argument("--force", action="store_true", help="execute even where nothing changed")
    arguments = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"  # a progress bar is for the person who waits, not for the stored output
    known = {path.stem: path for path in chapters()}
    unknown = set(arguments.chapter) - set(known)
    if unknown:
        parser.error(f"no such chapter: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    for name in arguments.chapter or known:
        print(f"{name}: ", end="", flush=True)
        print(update(known[name], arguments.force))


if __name__ == "__main__":
    main()
