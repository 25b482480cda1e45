"""What README.md and CONTRIBUTING.md say, held against the tree."""

import re
import subprocess

import nbformat
import pytest
import set_url
from chapter_rules import MAX_CODE_COLUMNS, SKELETON
from output_rules import MAX_BYTES, MAX_CELLS, MAX_OUTPUT_COLUMNS, MAX_WORDS
from pairs import ROOT, chapters, code_of

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = {
    path.name: path.read_text() for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("book/*.md")]
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_that_a_page_names_exists(name):
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES[name], flags=re.MULTILINE))
    assert named - TARGETS == set()


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", listed, flags=re.MULTILINE)) == TARGETS


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_local_links_and_named_files_exist(text):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:book|notebooks|vlm_lib|tests)/[\w./-]*|[\w-]+\.(?:toml|yml|txt))`", text)
    missing = [name for name in links + named if not (ROOT / name).exists()]
    assert [name for name in missing if not re.search("NAME|NN_name|65_example", name)] == []


def test_readme_shows_one_picture_of_the_book_and_is_short():
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", README)
    assert len(pictures) == 1
    assert (ROOT / pictures[0][1]).stat().st_size < 300_000
    assert len(README.splitlines()) < 50


def test_the_address_stands_in_one_place_and_the_rest_derives_from_it():
    url = set_url.current()
    assert f"git clone {url} " in README
    assert f"git+{url}`" in README
    assert f"git clone {url} " in PAGES["how_to_run.md"]
    assert f'git+{url}"' in (ROOT / "book" / "_template" / "install_cell.py").read_text()
    for path in set_url.derived_files():
        if set_url.slug(url) != "ORG/REPO":
            assert "ORG/REPO" not in path.read_text(), path
    assert (ROOT / "_config.yml").read_text().count("github.com") == 1


def test_every_notebook_installs_from_the_address():
    for path in chapters():
        first = code_of(nbformat.read(path.with_suffix(".ipynb"), as_version=4))[0]
        assert f"git+{set_url.current()}" in first, path


def test_contributing_states_the_limits_that_are_checked():
    for limit in (
        f"at most {MAX_BYTES / 1e6} MB",
        f"at most {MAX_CELLS} code cells and {MAX_WORDS} words",
        f"{MAX_CODE_COLUMNS} columns",
        f"{MAX_OUTPUT_COLUMNS} columns",
    ):
        assert limit in " ".join(CONTRIBUTING.split())


def test_the_template_has_the_skeleton():
    template = (ROOT / "book" / "_template" / "chapter.md").read_text()
    assert re.findall(r"^## (.*)$", template, flags=re.MULTILINE) == list(SKELETON)


def test_no_page_names_a_path_of_one_machine():
    for name, text in PAGES.items():
        assert not re.search(r"/work/|/root/|/home/|localhost:(?!8000)", text), name
