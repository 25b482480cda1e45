"""A verdict follows from its measurements, and the scoreboard's checks notice records that cannot be true."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from vlm_lib import claims
from vlm_lib.claims import MIME, Claim, answer
from vlm_lib.claims.__main__ import main

ROOT = Path(__file__).parents[2]


def declared(**changes):
    fields = {"id": "C17", "hypothesis": "Last image wins", "metric": "accuracy", "threshold": 0.05}
    fields |= {"baselines": ("image-blind",), "treatment": "last", "control": "all", "chapter": "34_flamingo"}
    return Claim(**(fields | changes))


def measured(effects=(0.2, 0.3, 0.1), **changes):
    claim = declared(**changes)
    sign = 1 if claim.higher_is_better else -1
    for seed, effect in enumerate(effects):
        claim.record(claim.treatment, seed, 0.5 + sign * effect)
        claim.record(claim.control, seed, 0.5)
        for name in claim.baselines:
            claim.record(name, seed, 0.25)
    return claim


@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ((0.2, 0.3, 0.1), "holds"),
        ((0.2, 0.05, 0.1), "inconclusive"),  # an effect at the threshold is not above it
        ((0.05, 0.04, -0.4), "fails"),
        ((0.2, 0.2, 0.2, 0.2, -0.1), "inconclusive"),
    ],
)
def test_verdict_asks_every_seed(effects, expected, higher_is_better):
    verdict = measured(effects, higher_is_better=higher_is_better).verdict()
    assert verdict.verdict == expected
    assert verdict.effects == pytest.approx(list(effects))
    assert verdict.effect == pytest.approx(np.mean(effects), rel=1e-5)
    assert verdict.spread == pytest.approx(np.std(effects, ddof=1), rel=1e-5)


def test_effect_equal_to_threshold_up_to_rounding_is_not_above_it():
    claim = declared(threshold=0.1, baselines=())
    for seed in range(3):
        claim.record("last", seed, 0.7)
        claim.record(
            "all", seed, 0.6
        )  # 0.7 - 0.6 is 0.09999999999999998 in binary, 0.8 - 0.7 a little more than 0.1
    assert claim.verdict().verdict == "fails"
    claim = declared(threshold=0.1, baselines=())
    for seed in range(3):
        claim.record("last", seed, 0.8)
        claim.record("all", seed, 0.7)
    assert claim.verdict().verdict == "fails"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "X17"}, "id is 'X17'"),
        ({"hypothesis": " "}, "hypothesis is ' '"),
        ({"chapter": ""}, "chapter is ''"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"baselines": "image-blind"}, "expected a tuple"),
        ({"baselines": ("last",)}, "to differ in name"),
    ],
)
def test_bad_declarations_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        declared(**changes)


def test_declaration_cannot_change():
    claim = measured()
    with pytest.raises(dataclasses.FrozenInstanceError):
        claim.threshold = 0.01
    with pytest.raises(dataclasses.FrozenInstanceError):
        claim.higher_is_better = False


@pytest.mark.parametrize(
    ("arm", "seed", "value", "message"),
    [
        ("lats", 3, 0.5, "arm is 'lats', expected one of the declared arms"),
        ("last", 1.5, 0.5, "seed is 1.5"),
        ("last", True, 0.5, "seed is True"),
        ("last", 3, float("nan"), "expected a finite number"),
        ("last", 3, float("inf"), "expected a finite number"),
        ("last", 0, 0.9, "was measured as 0.7 and now as 0.9"),
    ],
)
def test_bad_measurements_are_refused(arm, seed, value, message):
    with pytest.raises(ValueError, match=message):
        measured().record(arm, seed, value)


def test_no_more_seeds_once_the_verdict_is_drawn():
    claim = measured((0.2, 0.3, 0.0))
    claim.verdict()
    claim.record("last", 1, 0.8)  # a cell that is run again measures the same and changes nothing
    with pytest.raises(ValueError, match="C17 has its verdict"):
        claim.record("last", 3, 0.9)


@pytest.mark.parametrize(
    ("skip", "message"),
    [
        (("last", 2), "arm 'last' has 2 seeds, expected at least 3"),
        (("all", 1), "arm 'all' has 2 seeds"),
        (("image-blind", 0), "arm 'image-blind' has 2 seeds"),
    ],
)
def test_verdict_needs_three_seeds_of_every_arm(skip, message):
    claim = declared()
    for arm in claim.arms:
        for seed in range(3):
            if (arm, seed) != skip:
                claim.record(arm, seed, 0.5)
    with pytest.raises(ValueError, match=message):
        claim.verdict()


def test_verdict_needs_the_same_seeds_and_a_measured_baseline():
    claim = declared()
    for seed in range(3):
        claim.record("last", seed, 0.5)
        claim.record("all", seed + 1, 0.5)
    with pytest.raises(ValueError, match=r"arm 'all' has seeds \[1, 2, 3\], expected those of the treatment"):
        claim.verdict()
    claim = declared()
    for seed in range(3):
        claim.record("last", seed, 0.5)
        claim.record("all", seed, 0.5)
    with pytest.raises(ValueError, match="arm 'image-blind' has 0 seeds"):
        claim.verdict()


def test_record_carries_what_the_scoreboard_needs():
    record = measured().verdict(seconds=41.6)._repr_mimebundle_()[MIME]
    assert record == json.loads(json.dumps(record))
    assert (record["id"], record["kind"], record["verdict"]) == ("C17", "verdict", "holds")
    assert (record["chapter"], record["metric"], record["threshold"]) == ("34_flamingo", "accuracy", 0.05)
    assert record["arms"] == {"last": [0.7, 0.8, 0.6], "all": [0.5] * 3, "image-blind": [0.25] * 3}
    assert (record["seeds"], record["baselines"]) == ([0, 1, 2], ["image-blind"])
    assert record["seconds"] == 42
    assert isinstance(measured().verdict().seconds, int)
    assert record["device"]


def test_verdict_reads_as_text_and_as_a_table():
    bundle = measured((0.2, 0.3, -0.1)).verdict()._repr_mimebundle_()
    assert "C17: inconclusive" in bundle["text/plain"]
    assert "2 of 3 seeds lie above the threshold of 0.05." in bundle["text/plain"]
    for part in ("inconclusive", '<th scope="row">image-blind</th>', "seed 2", "0.25", "<svg", "data-theme"):
        assert part in bundle["text/html"]
    assert "http" not in bundle["text/html"]


def test_answer_records_its_evidence():
    evidence = {"masks equal": np.bool_(True), "largest difference": np.float32(0.25), "phi": np.array([0, 1])}
    record = answer(
        "Q14", "Which image?", "phi counts tags.", np.bool_(True), evidence, chapter="34_flamingo"
    ).record()
    assert record["verdict"] == "answered"
    assert record["evidence"] == {"masks equal": True, "largest difference": 0.25, "phi": [0, 1]}
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"passed": False}, AssertionError, "Q14: the check failed: phi counts tags."),
        ({"passed": "yes"}, ValueError, "passed is 'yes'"),
        ({"id": "C14"}, ValueError, "id is 'C14', expected a ledger id such as Q07"),
        ({"evidence": {}}, ValueError, "evidence is empty"),
        ({"evidence": {"loss": float("nan")}}, ValueError, r"evidence\['loss'\] is nan"),
        ({"evidence": {"model": object()}}, ValueError, r"evidence\['model'\]"),
        ({"check": ""}, ValueError, "check is ''"),
    ],
)
def test_bad_answers_are_refused(changes, error, message):
    fields = {"id": "Q14", "question": "Which?", "check": "phi counts tags.", "passed": True, "evidence": {"n": 1}}
    with pytest.raises(error, match=message):
        answer(**(fields | changes), chapter="34_flamingo")


# --- reading records back ---


def write_notebook(folder, name, records, ledger=()):
    outputs = [nbformat.v4.new_output("display_data", {MIME: record, "text/plain": ""}) for record in records]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    notebook.metadata["vlm"] = {"ledger": list(ledger)}
    path = Path(folder) / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def good_answer(**changes):
    return answer("Q14", "Which?", "Phi counts.", True, {"n": 1}, chapter="34_flamingo").record() | changes


def test_a_kernel_writes_records_that_load(tmp_path):
    source = (
        "from vlm_lib.claims import Claim\n"
        "claim = Claim('C17', 'h', 'accuracy', 0.0, chapter='34_flamingo')\n"
        "for seed in range(3):\n"
        "    claim.record('treatment', seed, 0.9); claim.record('control', seed, 0.5 + seed / 10)\n"
        "verdict = claim.verdict(seconds=1)\ndisplay(verdict)\nverdict"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}}).execute()
    path = tmp_path / "34_flamingo.ipynb"
    nbformat.write(notebook, path)
    (record,) = claims.load_records([path])  # shown twice, counted once
    assert (record["id"], record["verdict"], record["notebook"]) == ("C17", "holds", "34_flamingo")
    assert record["effects"] == pytest.approx([0.4, 0.3, 0.2])


def test_promises_are_read_from_both_halves(tmp_path):
    path = write_notebook(tmp_path, "34_flamingo", [], ["Q14", "C17"])
    text = tmp_path / "34_flamingo.md"
    text.write_text("---\nvlm:\n  ledger: [Q14, C17]\n---\n\n# Title\n")
    bare = tmp_path / "bare.md"
    bare.write_text("# Title\n")
    assert claims.promised(path) == claims.promised(text) == ["Q14", "C17"]
    assert claims.promised(bare) == []


def test_consistent_book_has_no_problems(tmp_path):
    records = [good_answer(), measured().verdict().record()]
    loaded = claims.load_records([write_notebook(tmp_path, "34_flamingo", records)])
    assert claims.problems(loaded, {"34_flamingo": ["Q14", "C17"]}, {"Q14", "C17"}) == []


@pytest.mark.parametrize(
    ("records", "promises", "message"),
    [
        ([good_answer(id="Q99")], {}, "Q99 in 34_flamingo: the ledger has no such id"),
        ([good_answer(chapter="33_merlot")], {}, "names the chapter 33_merlot"),
        (
            [good_answer()],
            {"34_flamingo": ["C17"]},
            "C17: promised by 34_flamingo, but its notebook holds no record",
        ),
        ([], {"34_flamingo": ["Q98"]}, "Q98: promised by 34_flamingo, but the ledger has no such id"),
        (
            [measured().verdict().record(), measured((0, 0, 0)).verdict().record()],
            {},
            "C17: two records disagree: fails in 34_flamingo; holds in 34_flamingo",
        ),
        ([measured((0, 0, 0)).verdict().record() | {"verdict": "holds"}], {}, "does not follow from"),
        ([measured().verdict().record() | {"effect": 0.5}], {}, "does not follow from"),
    ],
)
def test_problems_are_found(tmp_path, records, promises, message):
    loaded = claims.load_records([write_notebook(tmp_path, "34_flamingo", records)])
    found = claims.problems(loaded, promises, {"Q14", "C17"})
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json"])
def test_files_that_are_no_notebooks_are_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"x\.ipynb is not a notebook"):
        claims.load_records([path])


def book(tmp_path, records, ledger):
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "ledger.yml").write_text((ROOT / "book" / "ledger.yml").read_text())
    write_notebook(tmp_path / "notebooks", "34_flamingo", records, ledger)
    return ["--root", str(tmp_path)]


def test_table_fits_eighty_columns(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    records = [measured((-0.000123456, 0.3, 0.2)).verdict().record(), good_answer()]
    assert main(book(tmp_path, records, []) + ["--ledger"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("C17  inconclusive") and "34_flamingo" in line for line in lines)
    assert any(line.startswith("Q14  answered") for line in lines)
    total = len(claims.load_ledger(ROOT / "book" / "ledger.yml"))
    assert f"open: {total - 2} of {total}" in lines


def test_json_and_check(tmp_path, capsys):
    arguments = book(tmp_path, [good_answer()], ["Q14", "C17"])
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["id"] == "Q14"
    assert main([*arguments, "--check"]) == 1
    assert "C17: promised by 34_flamingo" in capsys.readouterr().err


def test_a_folder_that_is_no_book_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--root", str(tmp_path)])
    assert stop.value.code == 2
    assert "has no book/ledger.yml" in capsys.readouterr().err


def test_the_books_own_records_are_consistent():
    run = subprocess.run(
        [sys.executable, "-m", "vlm_lib.claims", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert run.returncode == 0, run.stderr
