"""The chapter template through the life of a chapter, in a copy of the tree: started, executed, checked, built."""

import shutil
import subprocess
import sys
from pathlib import Path

import chapter_rules
import new_chapter
import page_rules
import pytest
import run_notebooks
import set_url
import yaml
from pairs import ROOT

from vlm_lib.claims import load_records

NAME = "61_template"
ITEM = {
    "id": "C99",
    "kind": "claim",
    "part": "After the notes",
    "system": "Template",
    "chapter": NAME,
    "text": "A template is a chapter.",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what the book is built from, with one more item in the ledger."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("_config.yml", "_toc.yml", "jupytext.toml"):
        shutil.copy(ROOT / name, root)
    for name in ("book", "notebooks", "vlm_lib"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (root / "book" / "ledger.yml").open("a") as ledger:
        ledger.write(yaml.safe_dump([ITEM], sort_keys=False))
    return root


@pytest.fixture(scope="module")
def chapter(tree):
    """The new chapter, executed."""
    path = new_chapter.create(NAME, "A template", tree)
    assert run_notebooks.update(path, force=False, root=tree).startswith("executed")
    return path


def test_keeps_the_rules_of_a_chapter(chapter, tree):
    assert chapter_rules.violations(chapter, tree) == []


def test_leaves_a_record_for_the_ledger(chapter):
    records = load_records([chapter.with_suffix(".ipynb")])
    assert [(record["id"], record["chapter"], len(record["seeds"])) for record in records] == [("C99", NAME, 3)]


def test_is_not_executed_again_without_a_change(chapter, tree):
    before = chapter.with_suffix(".ipynb").read_bytes()
    assert run_notebooks.update(chapter, force=False, root=tree) == "unchanged code, outputs kept"
    assert chapter.with_suffix(".ipynb").read_bytes() == before


def test_builds_without_a_warning_and_keeps_the_rules_of_a_page(chapter, tree):
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going", str(tree)]
    build = subprocess.run(command, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout[-3000:] + build.stderr[-3000:]
    html = tree / "_build" / "html"
    assert (html / "notebooks" / f"{NAME}.html").exists()
    for check in (
        page_rules.missing_alt,
        page_rules.broken_links,
        page_rules.remote_fetches,
        page_rules.leftovers,
    ):
        assert check(html) == []
    assert page_rules.missing_colab(html, set_url.slug(set_url.current(tree))) == []
    assert NAME in page_rules.soup(html / "book" / "scoreboard.html").get_text()


def test_refuses_to_overwrite_a_chapter(chapter, tree):
    with pytest.raises(SystemExit, match="is there already"):
        new_chapter.create(NAME, "A template", tree)


@pytest.mark.parametrize(("name", "message"), [("flamingo", "expected two digits"), ("69_nothing", "has no item")])
def test_refuses_a_name_that_leads_nowhere(tree, name, message):
    with pytest.raises(SystemExit, match=message):
        new_chapter.create(name, "Title", tree)


def test_toc_gains_a_part_in_its_place_and_keeps_chapters_in_order():
    toc = "parts:\n  - caption: Foundations\n    chapters:\n      - file: notebooks/01_worlds\n"
    toc += "  - caption: What was found\n    chapters:\n      - file: book/scoreboard\n"
    for name in ("35_coca", "02_contrastive", "34_flamingo"):
        toc = new_chapter.add_to_toc(name, toc)
    parts = {
        part["caption"]: [entry["file"] for entry in part["chapters"]] for part in yaml.safe_load(toc)["parts"]
    }
    assert list(parts) == ["Foundations", "Cross-attention", "What was found"]
    assert parts["Foundations"] == ["notebooks/01_worlds", "notebooks/02_contrastive"]
    assert parts["Cross-attention"] == ["notebooks/34_flamingo", "notebooks/35_coca"]
