"""The check for GPUs: a part that breaks loses nothing but its own rest, and a CPU can walk the path."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vlm_lib.bench.gpu import __main__ as gpu
from vlm_lib.bench.gpu.checks import checked, relative_error
from vlm_lib.bench.gpu.parts import PARTS, Part

FAKE = """
import os, signal, time

def run(subject, device):
    yield {"check": f"first of {subject}", "passed": True, "size": 0.0, "allowed": 1.0}
    if subject == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if subject == "hang":
        time.sleep(600)
    if subject == "raise":
        raise MemoryError("no room")
    yield {"row": {"group": subject}}
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A module of parts that end well, crash, raise or hang, each after its first finding."""
    monkeypatch.setitem(gpu.PATIENCE, "cpu", 1)
    (tmp_path / "fake_parts.py").write_text(FAKE)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])

    def run(*parts, minutes=5):
        return list(gpu.run(list(parts), "cpu", minutes, {**os.environ, "PYTHONPATH": path}, tmp_path))

    return run


def part(subject, seconds=120, *, alone=False):
    return Part("fake_parts", subject, seconds, alone)


def test_a_part_that_breaks_loses_nothing_else(fake):
    *_, results = fake(part("crash"), part("raise"), part("hang", 20, alone=True), part("well", alone=True))
    reasons = {name.split()[1]: result.get("reason") for name, result in results.items()}
    assert reasons == {
        "crash": "ended with code -11",
        "raise": "ended with code 1",
        "hang": "stopped after 20 s",
        "well": None,
    }
    for name, result in results.items():
        subject = name.split()[1]
        assert result["findings"][0]["check"] == f"first of {subject}"
        assert result["complete"] == result["passed"] == (subject == "well")
    assert "MemoryError: no room" in results["fake_parts raise"]["last_words"]
    assert gpu.split(results)["rows"] == [{"group": "well"}]
    assert [len(result["findings"]) for result in gpu.split(results)["parts"].values()] == [1] * 4


def test_parts_for_which_no_time_is_left_are_named(fake):
    ((results),) = fake(part("well"), minutes=0.01)
    assert results["fake_parts well"]["reason"] == "no time was left"


def test_a_cpu_walks_a_part_from_the_command_line(tmp_path, capsys):
    assert gpu.main(["--out", str(tmp_path), "--device", "cpu", "--only", "ranks", "--minutes", "4"]) == 0
    report = json.loads((tmp_path / "gpu.json").read_text())
    (found,) = report["parts"].values()
    assert found["complete"]
    assert found["passed"]
    assert {"backend": "gloo", "ranks": 1} in found["findings"]
    assert report["device"] in capsys.readouterr().out
    assert "=== ranks one rank" in (tmp_path / "gpu.log").read_text()


def test_an_unknown_part_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--out", str(tmp_path), "--only", "nothing"])
    assert "attention float32" in capsys.readouterr().err


def test_the_names_of_parts_are_different():
    assert len({part.name for part in PARTS}) == len(PARTS)


def test_a_check_that_breaks_is_a_finding():
    assert checked("fine", 0.1, lambda: 0.05) == {"check": "fine", "passed": True, "size": 0.05, "allowed": 0.1}
    assert checked("off", 0.1, lambda: float("nan"))["passed"] is False

    def broken():
        raise KeyError("missing")

    found = checked("broken", 0.1, broken)
    assert (found["passed"], found["error"]) == (False, "KeyError: 'missing'")
    assert os.getcwd() not in found["at"]


def test_an_error_is_the_largest_one_and_zero_must_be_met():
    one, two = torch.tensor([3.0, 4.0]), torch.tensor([1.0])
    assert relative_error([one, two + 0.1], [one, two]) == pytest.approx(0.1, rel=1e-5)
    assert relative_error([torch.zeros(2)], [torch.zeros(2)]) == 0
    assert relative_error([torch.full((2,), 1e-9)], [torch.zeros(2)]) > 1e6
    assert relative_error([torch.tensor([float("nan")])], [two]) == float("inf")


def test_it_starts_without_the_packages_that_it_unpacks():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    wheels = re.search(r"^GPU_WHEELS := (.*)$", makefile, re.MULTILINE).group(1)
    modules = [name.replace("-", "_").removesuffix("_torch") for name in wheels.split()]
    assert {"platformdirs", "open_clip", "open_flamingo"} <= set(modules)
    blocked = f"import runpy, sys; sys.modules |= dict.fromkeys({modules}); sys.argv = ['gpu', '--help']; "
    run = [sys.executable, "-c", blocked + "runpy.run_module('vlm_lib.bench.gpu', run_name='__main__')"]
    help_text = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert "--wheels" in help_text
