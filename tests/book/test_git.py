"""A clone on a system that likes CRLF holds the same bytes, so no chapter is stale in it."""

import shutil
import subprocess

from pairs import ROOT, chapters, recorded_hash, state_hash


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)


def test_a_clone_with_crlf_holds_the_same_bytes(tmp_path):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    shutil.copytree(ROOT / "vlm_lib", origin / "vlm_lib", ignore=shutil.ignore_patterns("__pycache__"))
    (origin / "notebooks").mkdir()
    shutil.copy(ROOT / ".gitattributes", origin)
    chapter = origin / "notebooks" / chapters()[0].name
    for half in (".md", ".ipynb"):
        shutil.copy(chapters()[0].with_suffix(half), chapter.with_suffix(half))
    (origin / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\n")
    git(origin, "init", "--quiet")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "all")
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", "origin", "clone")
    files = [path.relative_to(origin) for path in origin.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(files) > 50
    assert [file for file in files if (clone / file).read_bytes() != (origin / file).read_bytes()] == []
    text_half = clone / "notebooks" / chapter.name
    assert state_hash(text_half, clone) == state_hash(chapter, origin)
    assert recorded_hash(text_half.with_suffix(".ipynb")) == recorded_hash(chapter.with_suffix(".ipynb"))
