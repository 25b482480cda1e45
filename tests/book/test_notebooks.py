"""Every chapter keeps the rules: halves that agree, today's outputs, the skeleton, short cells, records."""

import chapter_rules
import pytest
import yaml
from pairs import ROOT, chapters

from vlm_lib.claims import load_ledger, load_records, problems, promised

CHAPTERS = chapters()
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_rules(chapter):
    assert chapter_rules.violations(chapter) == []


def test_table_of_contents_lists_exactly_the_chapters_that_exist():
    listed = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
    notebooks = [name.removeprefix("notebooks/") for name in listed if name.startswith("notebooks/")]
    assert notebooks == [path.stem for path in CHAPTERS]


def test_every_executed_notebook_has_a_text_half():
    executed = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert executed == [path.stem for path in CHAPTERS]


def test_chapters_promise_what_the_ledger_gives_them():
    ledger = load_ledger(ROOT / "book" / "ledger.yml")
    for chapter in CHAPTERS:
        expected = sorted(item.id for item in ledger.values() if item.chapter == chapter.stem)
        assert sorted(promised(chapter)) == expected, chapter.stem


def test_records_keep_the_promises_and_agree():
    executed = [path.with_suffix(".ipynb") for path in CHAPTERS]
    ledger = load_ledger(ROOT / "book" / "ledger.yml")
    assert problems(load_records(executed), {path.stem: promised(path) for path in executed}, ledger) == []
