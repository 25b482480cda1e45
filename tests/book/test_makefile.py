"""`make` and its environment: made anew where it is broken or of another folder. Arguments arrive as typed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from pairs import ROOT

PROJECT = """
[project]
name = "small"
version = "1.0"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
# What setuptools would do, without a package index: an editable install is a wheel with a path in it.
BACKEND = """
import os, zipfile
def get_requires_for_build_editable(settings=None): return []
def build_editable(folder, settings=None, metadata=None):
    name, info = "small-1.0-py3-none-any.whl", "small-1.0.dist-info/"
    files = {"small.pth": os.getcwd(), info + "METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n"}
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[info + "RECORD"] = "".join(f"{file},,\\n" for file in (*files, info + "RECORD"))
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for file, text in files.items(): wheel.writestr(file, text)
    return name
"""
TYPED = 'a `touch made` "quoted" it\'s $HOME $$ $(shell touch made) $(open \\ # end'


def make(folder, *arguments, **environment):
    command = ["make", "-s", *arguments, f"PYTHON={sys.executable}"]
    # a stranger's environment: neither this one's paths nor this make's own settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE"))}
    return subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True)


def imported_from(folder):
    python = folder / ".venv" / "bin" / "python"
    found = subprocess.run([python, "-c", "import small; print(small.__file__)"], capture_output=True, text=True)
    return found.stdout.strip() or found.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout of a package with one module, with its environment."""
    folder = tmp_path_factory.mktemp("made") / "a checkout"
    (folder / "book" / "_tools").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").write_text("# nothing\n")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "small.py").write_text("")
    (folder / "book" / "_tools" / "new_chapter.py").write_text(
        "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"
    )
    done = make(folder, "env")
    assert done.returncode == 0, done.stderr
    return folder


def test_an_environment_serves_its_own_checkout_and_is_made_once(made):
    assert imported_from(made) == str(made / "small.py")
    python = made / ".venv" / "bin" / "python"
    before = python.lstat().st_ctime_ns
    assert make(made, "env").stdout == ""
    assert python.lstat().st_ctime_ns == before


@pytest.mark.parametrize("how", ["copied", "moved"])
def test_a_checkout_at_another_place_gets_an_environment_of_its_own(made, tmp_path, how):
    there = tmp_path / "there"
    shutil.copytree(made, there, symlinks=True)
    if how == "moved":  # from a place that is no more
        elsewhere = tmp_path / "elsewhere"
        there.rename(elsewhere)
        there = elsewhere
    done = make(there, "env")
    assert done.returncode == 0, done.stderr
    assert imported_from(there) == str(there / "small.py")
    assert subprocess.run([there / ".venv" / "bin" / "pip", "--version"], capture_output=True).returncode == 0


def test_an_interrupted_environment_recovers(made, tmp_path):
    folder = tmp_path / "checkout"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".venv"))
    command = ["make", "-s", "env", f"PYTHON={sys.executable}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, start_new_session=True, **quiet) as process:
        while not (folder / ".venv" / "bin" / "python").exists():
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: to all of them
    assert process.returncode != 0
    pip = subprocess.run([folder / ".venv" / "bin" / "python", "-m", "pip", "--version"], capture_output=True)
    assert pip.returncode != 0, "the interruption came too late to test anything"
    done = make(folder, "env")
    assert done.returncode == 0, done.stderr
    assert imported_from(folder) == str(folder / "small.py")


@pytest.mark.parametrize("how", ["command line", "environment"])
def test_arguments_arrive_as_they_were_typed(made, how):
    done = make(made, "chapter", f"NAME={TYPED}") if how == "command line" else make(made, "chapter", NAME=TYPED)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [TYPED]
    assert not (made / "made").exists()
