"""Goals of the benchmarks: each speaks of a row that is really measured, and is judged by its figure."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vlm_lib.bench import GROUPS, __main__
from vlm_lib.bench.goals import CPU_GOALS, FIGURES, GOALS, GPU_GOALS, Goal, judged
from vlm_lib.bench.rows import BOTH, Row

ROW = Row(
    group="pooling",
    setting="1 queries, 256 tokens x 8",
    phase=BOTH,
    ours="auto",
    reference="open_clip",
    speedup=9.5,
    slowest=9.0,
    fastest=10.0,
    limit=30.0,
    operations=64.0,
    memory=2.0,
    our_seconds=0.1,
    reference_seconds=0.95,
    our_peak=10,
    reference_peak=20,
)


@pytest.mark.parametrize(
    ("figure", "value", "bound", "met"),
    [
        ("speedup", 9.5, 9.5, True),
        ("speedup", 9.49, 9.5, False),
        ("memory", 1.9, 2, False),
        ("memory", None, 2, None),
        ("our_peak", 300, 300, True),
        ("our_peak", 301, 300, False),
    ],
)
def test_a_goal_is_reached_at_its_bound(figure, value, bound, met):
    goal = Goal("pooling", ROW.setting, "auto", "open_clip", figure, bound)
    row = replace(ROW, **{figure: value})
    assert list(judged([row], [goal])) == [(goal, row, met)]


@pytest.mark.parametrize(
    "change",
    [{"setting": "4 queries"}, {"phase": "forward"}, {"ours": "dense"}, {"reference": None}, {"group": "x"}],
)
def test_a_goal_finds_its_own_row_only(change):
    goal = Goal("pooling", ROW.setting, "auto", "open_clip", "speedup", 9)
    assert goal.row_of([replace(ROW, **change)]) is None
    assert goal.row_of([replace(ROW, **change), ROW]) is ROW


def test_a_note_behind_the_setting_does_not_hide_the_row():
    noted = replace(ROW, setting=ROW.setting + " (bfloat16 emulated)")
    assert Goal("pooling", ROW.setting, "auto", "open_clip", "speedup", 9).row_of([noted]) is noted


def test_goals_bound_known_figures_of_known_groups():
    assert {goal.group for goal in CPU_GOALS} < set(GROUPS)
    assert {goal.figure for goal in GOALS} <= set(FIGURES)
    assert all(goal.bound > 0 for goal in GOALS)


@pytest.mark.parametrize("group", [name for name in GROUPS if name != "contrastive"])
def test_every_goal_has_a_comparison(group):
    assert named(group) >= wanted(group)


def test_every_goal_of_the_contrastive_loss_has_a_comparison(monkeypatch):
    # the features of the largest batches are not needed to know the names
    monkeypatch.setattr("vlm_lib.bench.contrastive.features", lambda batch, device: [torch.zeros(1)])
    assert named("contrastive") >= wanted("contrastive")


def wanted(group):
    return {(g.setting, g.ours, g.reference, g.phase) for g in CPU_GOALS if g.group == group}


def named(group):
    found = set()
    for comparison in __main__.comparisons(group, quick=False, device=torch.device("cpu")):
        setting = comparison.setting.partition(" (")[0]
        for ours in comparison.ours:
            references = [reference.name for reference in comparison.references] or [None]
            found |= {(setting, ours.name, name, phase) for name in references for phase in ours.phases}
    return found


def test_the_report_says_which_goals_were_reached(capsys):
    __main__.show_goals([ROW])
    printed = capsys.readouterr().out
    assert "at least 9" in printed
    assert "9.50" in printed
    assert printed.rstrip().endswith("reached")
    __main__.show_goals([replace(ROW, speedup=8.0)])
    assert capsys.readouterr().out.rstrip().endswith("not reached")


def test_no_goals_are_shown_where_none_was_measured(capsys):
    __main__.show_goals([replace(ROW, setting="tiny")])
    assert capsys.readouterr().out == ""


def test_a_group_measured_again_replaces_its_own_rows_only(tmp_path):
    first, again, other = (
        {"device": "a", "rows": [{"group": group, "n": n}]}
        for group, n in (("training", 1), ("training", 2), ("attention", 3))
    )
    path = tmp_path / "bench.json"
    assert __main__.into(path, first) == first
    path.write_text(json.dumps(first | {"convergence": {}}))
    assert __main__.into(path, again)["rows"] == again["rows"]
    assert __main__.into(path, other)["rows"] == [*other["rows"], *first["rows"]]
    assert "convergence" in __main__.into(path, other)


def test_measurements_of_another_device_are_not_mixed_in(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"device": "a", "rows": []}))
    with pytest.raises(ValueError, match="device 'a' there, 'b' now"):
        __main__.into(path, {"device": "b", "rows": []})


def test_every_goal_of_a_gpu_speaks_of_a_row_of_a_committed_run():
    runs = [json.loads(path.read_text()) for path in (Path(__file__).parents[2] / "book" / "bench").glob("*.json")]
    (rows,) = [[Row(**row) for row in run["rows"]] for run in runs if run["device_type"] == "cuda"]
    assert [goal.row_of(rows) is not None for goal in GPU_GOALS] == [True] * len(GPU_GOALS)


def test_the_time_over_the_limit():
    assert replace(ROW, speedup=5.0, limit=10.0).above_limit == 2.0
    assert replace(ROW, limit=None).above_limit is None
