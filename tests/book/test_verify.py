"""`make verify`: a chapter is run in a copy with other seeds, and what that changes is written down."""

import json
import os
import shutil

import pairs
import pytest
import run_notebooks
import verify

CHAPTER = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A small chapter

```{code-cell} ipython3
from pathlib import Path

from vlm_lib import claims

Path("written_beside_the_chapter").touch()
claim = claims.Claim(
    "C17",
    hypothesis="Small seeds win",
    metric="points",
    threshold=0.0,
    chapter="61_small",
)
for seed in claims.seeds(3):
    claim.record("treatment", seed, 10.5 - seed)
    claim.record("control", seed, 0.0)
claim.verdict()
```
"""


def write(root, text, name="61_small"):
    path = root / "notebooks" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _environment(executed, monkeypatch):
    """What verify sets for its kernels is taken back after each test."""
    monkeypatch.setenv("VLM_SEEDS_FROM", "0")
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A book of one chapter, executed with the usual seeds, on which the verdict depends."""
    root = tmp_path_factory.mktemp("book")
    (root / "book").mkdir()
    (root / "book" / "verify.json").write_text('{"01_worlds": {"records": []}}')
    run_notebooks.update(write(root, CHAPTER), force=False, root=root)
    (root / "notebooks" / "written_beside_the_chapter").unlink()
    return root


@pytest.fixture
def book(executed, tmp_path):
    return shutil.copytree(executed, tmp_path / "book")


def outcomes(book):
    return json.loads((book / "book" / "verify.json").read_text())


def test_a_changed_verdict_is_an_outcome_and_the_committed_notebook_stays(book, capsys):
    committed = (book / "notebooks" / "61_small.ipynb").read_bytes()
    assert verify.main(["61_small", "--seeds-from", "9"], root=book) == 0
    assert set(outcomes(book)) == {"01_worlds", "61_small"}
    entry = outcomes(book)["61_small"]
    (record,) = entry["records"]
    assert (record["id"], record["hypothesis"]) == ("C17", "Small seeds win")
    assert record["committed"] == {"verdict": "holds", "effect": 9.5, "seeds": [0, 1, 2]}
    assert record["fresh"] == {"verdict": "inconclusive", "effect": 0.5, "seeds": [9, 10, 11]}
    assert entry["seeds_from"] == 9
    assert entry["executed_from"] == pairs.recorded_hash(book / "notebooks" / "61_small.ipynb")
    assert entry["date"]
    assert entry["device"]
    assert "C17: holds -> inconclusive" in capsys.readouterr().out
    assert (book / "notebooks" / "61_small.ipynb").read_bytes() == committed
    assert not (book / "notebooks" / "written_beside_the_chapter").exists()


def test_a_chapter_that_stops_is_a_failure_and_the_others_are_still_verified(book, capsys):
    stops = (
        CHAPTER.split("```{code-cell}")[0]
        + """```{code-cell} ipython3
import os

{"0": "the only seed it knows"}[os.environ["VLM_SEEDS_FROM"]]
```
"""
    )
    run_notebooks.update(write(book, stops, "60_stops"), force=False, root=book)
    assert verify.main([], root=book) == 1
    out = capsys.readouterr().out
    assert "60_stops: stops with seeds from 10" in out
    assert "KeyError" in out
    assert set(outcomes(book)) == {"01_worlds", "61_small"}


def test_outputs_of_other_code_are_not_compared(book, capsys):
    write(book, CHAPTER.replace("10.5", "11.5"))
    assert verify.main([], root=book) == 1
    assert "say make run first" in capsys.readouterr().out
    assert set(outcomes(book)) == {"01_worlds"}


def test_an_unknown_chapter_is_refused(book):
    with pytest.raises(SystemExit):
        verify.main(["62_other"], root=book)
    assert os.environ["VLM_SEEDS_FROM"] == "0"
