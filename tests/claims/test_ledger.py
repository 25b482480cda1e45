"""The ledger: parts, chapters and items, each in one place, and refused where they contradict each other."""

from pathlib import Path

import pytest
import yaml

from vlm_lib.claims import load_ledger, load_parts

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "book" / "ledger.yml"


def changed(folder, old, new):
    """A copy of the ledger in which one text stands for another."""
    text = LEDGER.read_text()
    assert old in text
    (folder / "ledger.yml").write_text(text.replace(old, new))
    return folder / "ledger.yml"


def test_every_claim_and_question_of_the_notes_is_there():
    ledger = load_ledger(LEDGER)
    assert set(ledger) >= {f"Q{n:02}" for n in range(1, 25)} | {f"C{n:02}" for n in range(1, 31)}
    assert all(item.kind == {"C": "claim", "Q": "question"}[item.id[0]] for item in ledger.values())


def test_items_stand_in_the_order_of_the_chapters():
    names = [chapter.name for part in load_parts(LEDGER) for chapter in part.chapters]
    assert names == sorted(names)
    places = [names.index(item.chapter) for item in load_ledger(LEDGER).values()]
    assert places == sorted(places)


def test_parts_are_numbered_and_hold_their_chapters():
    parts = load_parts(LEDGER)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert {chapter.name[0] for part in parts for chapter in part.chapters} == {str(part.number) for part in parts}
    ledger = load_ledger(LEDGER)
    assert (ledger["Q14"].part, ledger["Q20"].part) == ("Cross-attention", "Foundations")


def test_captions_of_the_table_of_contents_are_titles_of_parts_in_order():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    with_chapters = [part for part in toc if part["chapters"][0]["file"].startswith("notebooks/")]
    titles = {str(part.number): part.title for part in load_parts(LEDGER)}
    numbers = [Path(part["chapters"][0]["file"]).name[0] for part in with_chapters]
    assert [part["caption"] for part in with_chapters] == [titles[number] for number in numbers]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: C02", "id: C01", "items but .* ids: an id comes twice"),
        (
            "chapter: 34_flamingo",
            "chapter: 36_flamingo",
            "names the chapter '36_flamingo', which is not in its list",
        ),
        ("name: 34_flamingo", "name: 94_flamingo", "chapters of no part: 94_flamingo"),
    ],
)
def test_contradictions_are_refused(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        load_ledger(changed(tmp_path, old, new))
