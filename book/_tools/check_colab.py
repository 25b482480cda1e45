"""Run one chapter as Colab would: its .ipynb alone in an empty folder, in an environment without vlm_lib.

The environment is made anew and holds PyTorch and a kernel, as Colab's does. The notebook's first cell installs
the library with what it declares to need, from a copy of this checkout in place of the public address, and must
leave PyTorch as it is. Takes minutes, and 6 GB of disk while it runs (`make check-colab CHAPTER=34_flamingo`).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from set_url import ROOT, current

PRESENT_ON_COLAB = ("torch", "torchvision", "ipykernel")
PACKAGE_FILES = ("pyproject.toml", "README.md", "LICENSE", "LICENSE-DATA.md")


def pins(names: tuple[str, ...], root: Path = ROOT) -> list[str]:
    """The lines of requirements.txt for these packages."""
    lines = [line.split(";")[0].strip() for line in (root / "requirements.txt").read_text().splitlines()]
    return [line for line in lines if line.split("==")[0] in names]


def copy_package(target: Path, root: Path = ROOT) -> None:
    """What pip needs of the checkout; building in the checkout itself would leave build folders behind."""
    target.mkdir()
    shutil.copytree(root / "vlm_lib", target / "vlm_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in PACKAGE_FILES:
        if (root / name).exists():
            shutil.copy(root / name, target / name)


def local_notebook(notebook: nbformat.NotebookNode, package: Path, url: str) -> nbformat.NotebookNode:
    """The notebook with the local copy in place of the repository's address in its first code cell."""
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    public = f"git+{url}"
    if public not in first.source:
        raise SystemExit(f"the first code cell does not install from {public}")
    first.source = first.source.replace(public, package.as_uri())
    return notebook


def write_kernel(folder: Path, python: Path) -> None:
    """A kernel specification for the fresh environment."""
    spec = folder / "kernels" / "fresh"
    spec.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "fresh", "language": "python"}))


def torch_files(python: Path) -> str:
    """Version of torch in an environment, with the time at which its files were installed."""
    code = (
        "import importlib.metadata as m; d = m.distribution('torch'); print(d.version, d._path.stat().st_mtime_ns)"
    )
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout


def check(chapter: str, root: Path = ROOT) -> None:
    path = root / "notebooks" / f"{chapter}.ipynb"
    if not path.exists():
        raise SystemExit(f"CHAPTER is {chapter!r}, expected the name of a notebook such as 34_flamingo")
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        python = temporary / "env" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", temporary / "env"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins(PRESENT_ON_COLAB)], check=True)
        before = torch_files(python)
        copy_package(temporary / "package", root)
        empty = temporary / "content"
        empty.mkdir()
        notebook = local_notebook(nbformat.read(path, as_version=4), temporary / "package", current(root))
        write_kernel(temporary / "jupyter", python)
        os.environ.update(JUPYTER_PATH=str(temporary / "jupyter"), TQDM_DISABLE="1")
        os.environ.pop("PYTHONPATH", None)
        start = time.perf_counter()
        resources = {"metadata": {"path": str(empty)}}
        NotebookClient(notebook, kernel_name="fresh", timeout=1200, resources=resources).execute()
        if torch_files(python) != before:
            raise SystemExit(f"the first cell replaced torch: before {before}after {torch_files(python)}")
        print(
            f"{chapter}: ran alone, torch untouched, in {time.perf_counter() - start:.0f} s with the installation"
        )


if __name__ == "__main__":
    check(sys.argv[1])
