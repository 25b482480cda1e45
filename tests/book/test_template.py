"""The chapter template through the life of a chapter: entered in the ledger, started, executed, checked, built.

All of it in a copy of the tree that holds no other chapter, and a table of contents of two pages.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import chapter_rules
import new_chapter
import page_rules
import pytest
import run_notebooks
import yaml
from pairs import ROOT

from vlm_lib.claims import load_parts, load_records

NAME, QUESTION_NAME = "65_template", "66_question"
TOC = """format: jb-book
root: book/scoreboard
parts:
  - caption: What was found
    chapters:
      - file: book/references
"""


CHAPTERS = "".join(f"  - {{name: {name}, title: A template}}\n" for name in (NAME, QUESTION_NAME, "67_empty"))
ITEMS = """  - id: C99
    kind: claim
    system: Template
    chapter: 65_template
    text: A template is a chapter.
  - id: Q99
    kind: question
    system: Template
    chapter: 66_question
    text: "Is a template a chapter?"
"""
EVIDENCE = """
C99:
  measured: false
  summary: No paper measures this.
Q99:
  measured: false
  summary: No paper measures this either.
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for name in ("_config.yml", "jupytext.toml"):
        shutil.copy(ROOT / name, root)
    for name in ("book", "vlm_lib"):
        shutil.copytree(ROOT / name, root / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "notebooks").mkdir()
    (root / "_toc.yml").write_text(TOC)
    ledger = root / "book" / "ledger.yml"
    ledger.write_text(ledger.read_text().replace("\n\nitems:\n", f"\n{CHAPTERS}\nitems:\n") + ITEMS)
    with (root / "book" / "evidence.yml").open("a") as evidence:
        evidence.write(EVIDENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))  # the library that the chapters import is the tree's own
        yield root


@pytest.fixture(scope="module")
def chapter(tree):
    """The new chapter, executed."""
    path = new_chapter.create(NAME, tree)
    assert run_notebooks.update(path, force=False, root=tree).startswith("executed")
    return path


def test_keeps_the_rules_of_a_chapter(chapter, tree):
    assert chapter_rules.edition(chapter) == 2
    assert chapter_rules.violations(chapter, tree) == []


def test_leaves_a_record_for_the_ledger(chapter):
    records = load_records([chapter.with_suffix(".ipynb")])
    assert [(record["id"], record["chapter"], len(record["seeds"])) for record in records] == [("C99", NAME, 5)]


def test_a_chapter_of_questions_starts_with_an_answer(tree, tmp_path):
    items = new_chapter.items_of(QUESTION_NAME, tree)
    path = tmp_path / f"{QUESTION_NAME}.md"
    path.write_text(new_chapter.fill(QUESTION_NAME, "Questions", items, tree))
    run_notebooks.update(path, force=True, root=tree)
    records = load_records([path.with_suffix(".ipynb")])
    assert [(record["id"], record["verdict"]) for record in records] == [("Q99", "answered")]


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
    for check in page_rules.EVERY_PAGE:
        assert check(html) == []
    assert "A template is a chapter." in page_rules.soup(html / "book" / "scoreboard.html").get_text()


def test_refuses_to_overwrite_a_chapter(chapter, tree):
    with pytest.raises(SystemExit, match="is there already"):
        new_chapter.create(NAME, tree)


@pytest.mark.parametrize(
    ("name", "message"), [("69_nothing", "has no chapter '69_nothing'"), ("67_empty", "has no item for 67_empty")]
)
def test_refuses_a_chapter_that_the_ledger_does_not_know(tree, name, message):
    with pytest.raises(SystemExit, match=message):
        new_chapter.create(name, tree)


def test_toc_gains_a_part_in_its_place_and_keeps_chapters_in_order():
    toc = "parts:\n  - caption: Foundations\n    chapters:\n      - file: notebooks/01_worlds\n"
    toc += "  - caption: What was found\n    chapters:\n      - file: book/scoreboard\n"
    captions = [part.title for part in load_parts(ROOT / "book" / "ledger.yml")]
    for name in ("35_coca", "02_contrastive", "34_flamingo"):
        toc = new_chapter.add_to_toc(name, toc, captions)
    parts = {
        part["caption"]: [entry["file"] for entry in part["chapters"]] for part in yaml.safe_load(toc)["parts"]
    }
    assert list(parts) == ["Foundations", "Cross-attention", "What was found"]
    assert parts["Foundations"] == ["notebooks/01_worlds", "notebooks/02_contrastive"]
    assert parts["Cross-attention"] == ["notebooks/34_flamingo", "notebooks/35_coca"]
