"""`make set-url`: one address, changed everywhere at once."""

import subprocess

import pytest
import set_url


def test_set_url_rewrites_every_derived_address(tmp_path):
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/ORG/REPO\n")
    (tmp_path / "notebooks").mkdir()
    page = tmp_path / "notebooks" / "61_small.md"
    page.write_text(
        "git+https://github.com/ORG/REPO https://colab.research.google.com/github/ORG/REPO/blob/main/x.ipynb "
        "https://github.com/ORG/REPO-other"
    )
    changed = set_url.set_url("https://github.com/some-one/vlm.book", tmp_path)
    assert changed == [tmp_path / "_config.yml", page]
    assert set_url.current(tmp_path) == "https://github.com/some-one/vlm.book"
    assert page.read_text() == (
        "git+https://github.com/some-one/vlm.book "
        "https://colab.research.google.com/github/some-one/vlm.book/blob/main/x.ipynb https://github.com/ORG/REPO-other"
    )


@pytest.mark.parametrize("url", ["", "github.com/a/b", "https://github.com/a", "https://example.org/a/b"])
def test_set_url_refuses_what_is_no_repository(url):
    with pytest.raises(SystemExit, match="expected an address"):
        set_url.slug(url)


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/some-one/vlm.book",
        "https://github.com/some-one/vlm.book.git",
        "https://someone:token@github.com/some-one/vlm.book.git",
        "git@github.com:some-one/vlm.book.git",
        "ssh://git@github.com/some-one/vlm.book.git",
    ],
)
def test_the_address_is_taken_from_the_remote(tmp_path, remote):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    assert set_url.of_the_remote(tmp_path) == "https://github.com/some-one/vlm.book"


@pytest.mark.parametrize("remote", [None, "https://example.org/a/b.git", "/a/folder/of/this/machine"])
def test_a_remote_elsewhere_is_refused_with_what_to_say(tmp_path, remote):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    if remote:
        subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    with pytest.raises(SystemExit, match="say make set-url URL="):
        set_url.of_the_remote(tmp_path)
