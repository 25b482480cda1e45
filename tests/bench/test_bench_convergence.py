"""The comparison of trainings in two precisions: equal but for the precision, and complete."""

import pytest
import torch

from vlm_lib.bench import convergence

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def report():
    return convergence.report(quick=True, device=CPU)


@pytest.mark.filterwarnings("ignore:bfloat16 products take")
def test_every_seed_is_trained_in_both_precisions(report, capsys):
    named = [(run["seed"], run["precision"]) for run in report["runs"]]
    assert named == [(seed, precision) for seed in (0, 1, 2) for precision in ("float32", "bfloat16")]
    for run in report["runs"]:
        assert 0 <= run["recall"] <= 1
        assert run["loss"] > 0


def test_precision_is_all_that_differs(report):
    loss = {(run["seed"], run["precision"]): run["loss"] for run in report["runs"]}
    for seed in (0, 1, 2):
        assert loss[seed, "bfloat16"] != loss[seed, "float32"]
        assert loss[seed, "bfloat16"] == pytest.approx(loss[seed, "float32"], rel=0.02)
    assert len({loss[seed, "float32"] for seed in (0, 1, 2)}) == 3
    again = convergence.train(convergence.recipe(0, quick=True, device=CPU), "float32", CPU)
    assert again.loss == loss[0, "float32"]


def test_the_small_model_is_for_emulated_bfloat16_only(monkeypatch):
    monkeypatch.setattr(convergence, "emulated", lambda device: True)
    assert convergence.recipe(1, quick=False, device=CPU).width == 48
    monkeypatch.setattr(convergence, "emulated", lambda device: False)
    full = convergence.recipe(1, quick=False, device=CPU)
    assert (full.width, full.layers, full.text_layers, full.seed) == (128, 4, 4, 1)
