"""The cache's folder, and the one way files are written: whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from vlm_lib.cache import cache_dir, check_writable, write_atomically


def test_cache_dir_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path / "deep" / "cache"))
    assert cache_dir() == tmp_path / "deep" / "cache"
    assert cache_dir().is_dir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VLM_LIB_CACHE", "~/cache")
    assert cache_dir() == tmp_path / "cache"


def test_a_relative_cache_is_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLM_LIB_CACHE", "cache")
    with pytest.raises(ValueError, match="^VLM_LIB_CACHE: got 'cache', expected an absolute path$"):
        cache_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "/below"])
def test_a_cache_that_names_a_file_is_refused(monkeypatch, tmp_path, below):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path / "file") + below)
    with pytest.raises(ValueError, match="^VLM_LIB_CACHE: got '.*file.*', expected a folder"):
        cache_dir()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("content", "written"), [(b"\x00\xff", b"\x00\xff"), ("Größe\n", "Größe\n".encode())])
def test_bytes_and_text_are_written_as_they_are(tmp_path, content, written):
    path = tmp_path / "a" / "b" / ("n" * 250)
    for _ in range(2):
        write_atomically(path, content)
        assert path.read_bytes() == written
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_new_file_has_the_mode_that_the_umask_asks_for(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_an_old_file_keeps_its_mode(tmp_path):
    (tmp_path / "script").write_text("old")
    (tmp_path / "script").chmod(0o755)
    write_atomically(tmp_path / "script", "new")
    assert (tmp_path / "script").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "script").stat().st_mode) == 0o755


def test_a_failed_write_leaves_no_rubbish(tmp_path):
    (tmp_path / "taken").mkdir()  # a file cannot take its place
    with pytest.raises(OSError, match="taken"):
        write_atomically(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "file"
    code = (
        "import sys; from vlm_lib.cache import write_atomically\n"
        "write_atomically(sys.argv[1], 'a' * 5_000_000); print(flush=True)\n"
        "while True:\n"
        "    for letter in 'ab': write_atomically(sys.argv[1], letter * 5_000_000)"
    )
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(0.05)
            writer.send_signal(signal.SIGKILL)
        assert path.read_text() in ("a" * 5_000_000, "b" * 5_000_000)


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=f"^target: got '{path}', expected a file that can be written"):
            check_writable("target", path)
    check_writable("target", tmp_path / "new" / "file")
    assert list((tmp_path / "new").iterdir()) == []
