"""The benchmark harness: what it reports is what happened."""

import json
import time

import pytest
import torch

from vlm_lib.bench import GROUPS, __main__, harness, measure
from vlm_lib.bench.harness import BOTH, FORWARD, Candidate, Comparison, Work
from vlm_lib.training.threads import one_thread

CPU = torch.device("cpu")


def spin(seconds):
    """Use the processor for `seconds` of CPU time."""
    stop = time.process_time() + seconds
    while time.process_time() < stop:
        pass


def test_speedup_is_the_ratio_of_cpu_times():
    ours = Candidate("ours", {"step": lambda: spin(0.01)})
    reference = Candidate("reference", {"step": lambda: spin(0.03)})
    (row,) = harness.compare(Comparison("g", "s", [ours], [reference], repeats=3), CPU)
    assert row.speedup == pytest.approx(3.0, rel=0.1)
    assert row.slowest <= row.speedup <= row.fastest
    assert row.our_seconds == pytest.approx(0.01, rel=0.1)
    assert row.limit is None
    assert row.operations is None


def test_ours_alone_where_there_is_no_reference():
    (row,) = harness.compare(
        Comparison("g", "s", [Candidate("ours", {"step": lambda: spin(0.01)})], repeats=1), CPU
    )
    assert row.our_seconds == pytest.approx(0.01, rel=0.2)
    assert (row.reference, row.speedup, row.limit, row.memory) == (None, None, None, None)
    assert "ours" in __main__.show(row)


def test_sleeping_costs_no_cpu_time():
    assert measure.seconds_of(lambda: time.sleep(0.05), 2, CPU) < 0.01


def test_limit_is_what_the_counts_allow_at_the_measured_roof():
    size = 512
    a = torch.randn(size, size)
    once = Candidate("once", {"step": lambda: a @ a}, {"step": Work(2.0 * size**3)})
    twice = Candidate("twice", {"step": lambda: (a @ a, a @ a)}, {"step": Work(4.0 * size**3)})
    (row,) = harness.compare(Comparison("g", "s", [once], [twice], repeats=5), CPU)
    assert row.operations == 2.0
    assert row.speedup == pytest.approx(2.0, rel=0.35)
    assert row.limit == pytest.approx(2.0, rel=0.6)  # a product of this size runs near the roof


def test_rounds_are_interleaved():
    order = []
    calls = {name: lambda name=name: (order.append(name), spin(0.002)) for name in "ab"}
    measure.interleaved(calls, CPU, repeats=3, shortest=0.001)
    assert order[-6:] == ["a", "b"] * 3


@pytest.mark.parametrize("megabytes", [20, 100])
def test_peak_memory_of_a_known_allocation(megabytes):
    def call():
        return torch.ones(megabytes * 250_000).sum()

    call()
    peak = measure.peak_bytes(call, CPU)
    if peak is None:
        pytest.skip("this system has no resettable high-water mark of memory")
    assert peak == pytest.approx(megabytes * 1e6, rel=0.05, abs=2e6)


def test_peak_memory_is_unknown_where_the_system_does_not_tell(monkeypatch):
    def no_library(name):
        raise OSError(name)

    monkeypatch.setattr(measure.ctypes, "CDLL", no_library)
    assert measure.peak_bytes(lambda: None, CPU) is None
    row = harness.compare(
        Comparison("g", "s", [Candidate("o", {"step": int})], [Candidate("r", {"step": int})], repeats=1), CPU
    )[0]
    assert row.memory is None
    assert " - " in __main__.show(row)


def test_differentiated_phases():
    leaf = torch.tensor([2.0, 3.0], requires_grad=True)
    phases = harness.differentiated(lambda: leaf.square(), [leaf], torch.ones(2))
    assert phases[FORWARD]().requires_grad
    assert phases[BOTH]()[0].tolist() == [4.0, 6.0]


def test_one_thread_is_restored():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_command_line_writes_what_it_prints(tmp_path, capsys):
    out = tmp_path / "bench.json"
    __main__.main(["--only", "contrastive", "--quick", "--device", "cpu", "--json", str(out)])
    report = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert report["device"]
    assert report["device"] in printed
    assert report["clock"] == "CPU time of the process"
    assert {(row["ours"], row["phase"]) for row in report["rows"]} == {
        (ours, phase) for ours in ("one_buffer", "chunked") for phase in (FORWARD, BOTH)
    }
    assert {row["reference"] for row in report["rows"]} == {"open_clip ClipLoss", "torch, one shared matrix"}
    for row in report["rows"]:
        assert f"{row['speedup']:.2f}x" in printed
        assert row["speedup"] == pytest.approx(row["reference_seconds"] / row["our_seconds"])
        assert row["limit"] > 0


def test_command_line_refuses_an_unknown_group(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["--only", "nothing"])
    assert "contrastive" in capsys.readouterr().err
    assert "contrastive" in GROUPS
