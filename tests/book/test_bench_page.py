"""The tables of the page `bench`, built by Sphinx from a file as `python -m vlm_lib.bench --json` writes it."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from vlm_lib.bench.goals import OF_DEVICE, judged
from vlm_lib.bench.rows import Row

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "book" / "bench").glob("*.json"))
GROUPS = {
    "cpu": ("contrastive", "attention", "pooling", "training"),
    "cuda": ("contrastive", "attention", "pooling"),
}
REST = {"cpu": ("convergence",), "cuda": ("checks", "fifty-steps")}
CONF = f"""
import sys
suppress_warnings = ["app"]  # several builds in one process register the same nodes
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "benchmarks"]
nb_execution_mode = "off"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
"""


def build(folder, measured, parts):
    """A page with one table a part; returns it and the warnings."""
    (folder / "conf.py").write_text(CONF)
    (folder / "bench.json").write_text(json.dumps(measured))
    sections = [f"## {part}\n\n```{{bench}} bench.json\n:show: {part}\n```\n" for part in parts]
    (folder / "index.md").write_text("# Page\n\n" + "\n".join(sections))
    with (folder / "warnings.txt").open("w") as warnings:
        Sphinx(folder, folder, folder / "out", folder / "out", "html", status=None, warning=warnings).build()
    page = BeautifulSoup((folder / "out" / "index.html").read_text(), "html.parser")
    return page, (folder / "warnings.txt").read_text()


@pytest.fixture(scope="module", params=COMMITTED, ids=lambda path: path.stem)
def committed(request, tmp_path_factory):
    measured = json.loads(request.param.read_text())
    kind = measured["device_type"]
    page, warnings = build(
        tmp_path_factory.mktemp("bench"), measured, ("device", "goals", *GROUPS[kind], *REST[kind])
    )
    assert warnings == ""
    return measured, page


def lines(page, part):
    """The cells of each line; the titles of sections are left out."""
    rows = page.select(f"section#{part} table.bench tbody tr:not(.bench-section)")
    return [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in rows]


def titles(page, part):
    return [row.get_text(strip=True) for row in page.select(f"section#{part} tr.bench-section")]


def test_a_run_is_committed():
    assert COMMITTED


def test_the_committed_run_is_a_full_one(committed):
    measured, _ = committed
    assert {row["group"] for row in measured["rows"]} == set(GROUPS[measured["device_type"]])
    if measured["device_type"] == "cpu":
        assert measured["quick"] is False
    else:
        assert all(part["complete"] for part in measured["parts"].values())


def test_the_device_is_named(committed):
    measured, page = committed
    assert ["Device", measured["device"]] in lines(page, "device")


def test_every_row_is_shown_with_its_speedup(committed):
    measured, page = committed
    for part in GROUPS[measured["device_type"]]:
        rows = [row for row in measured["rows"] if row["group"] == part]
        shown = lines(page, part)
        assert len(shown) == len({(row["setting"], row["ours"], row["reference"]) for row in rows})
        assert titles(page, part) == list(dict.fromkeys(row["setting"] for row in rows))
        text = " ".join(cell for line in shown for cell in line)
        for row in rows:
            if row["speedup"] is not None and row["fastest"] < 10:
                assert f"{row['speedup']:.2f}× {row['slowest']:.2f}× to {row['fastest']:.2f}×" in text


def test_goals_are_judged_from_the_same_rows(committed):
    measured, page = committed
    rows, goals = [Row(**row) for row in measured["rows"]], OF_DEVICE[measured["device_type"]]
    met = [verdict for _, _, verdict in judged(rows, goals)]
    assert len(met) == len(goals)
    assert [line[-1] for line in lines(page, "goals")] == [{True: "reached", False: "not reached"}[m] for m in met]


def test_convergence_shows_every_run_and_what_seeds_differ_by(committed):
    measured, page = committed
    if measured["device_type"] != "cpu":
        return
    shown = lines(page, "convergence")
    assert [line[0] for line in shown] == ["0", "1", "2", "mean", "largest − smallest"]
    losses = [run["loss"] for run in measured["convergence"]["runs"] if run["precision"] == "bfloat16"]
    assert [line[2] for line in shown[:3]] == [f"{loss:.3f}" for loss in losses]
    assert shown[4][2] == f"{max(losses) - min(losses):.3f}"


def test_a_part_that_was_not_measured_is_an_error(committed, tmp_path):
    measured, _ = committed
    _, warnings = build(tmp_path, measured | {"rows": []}, parts=("pooling",))
    assert "holds no group 'pooling'" in warnings


def test_a_gpus_checks_and_steps_are_counted(committed):
    measured, page = committed
    if measured["device_type"] != "cuda":
        return
    shown = {line[0]: line[1:3] for line in lines(page, "checks")}
    for name, part in measured["parts"].items():
        checks = [found["passed"] for found in part["findings"] if "check" in found]
        if checks and not name.startswith("training"):
            assert shown[name.removesuffix(" all")] == [str(len(checks)), str(checks.count(False))]
    steps = [run for part in measured["parts"].values() for run in part["findings"] if "precision" in run]
    assert [line[2] for line in lines(page, "fifty-steps")] == [f"{run['loss'][0]:.4f}" for run in steps]
