"""`python -m vlm_lib.bench.gpu --out FOLDER [--device cuda] [--minutes 8] [--wheels .whl] [--only PART]`

Writes FOLDER/gpu.json and FOLDER/gpu.log. Exits with 0 when every part came to its end, whatever it found.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from vlm_lib.bench.gpu import FORMAT
from vlm_lib.bench.gpu.parts import PARTS, Part
from vlm_lib.cache import write_atomically

AT_ONCE = {"cuda": 8, "cpu": 2}  # parts that take no times share the device
PATIENCE = {"cuda": 1, "cpu": 5}  # a CPU may take so many times as long
TAIL = 1500  # characters of a broken part's last words


def environment(wheels: Path | None, folder: Path) -> dict[str, str]:
    """This process's environment with the wheels, unpacked into `folder`, importable; compiled code is shared."""
    changed = {**os.environ, "PYTHONUNBUFFERED": "1", "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
    changed |= {"TORCHINDUCTOR_COMPILE_THREADS": "4"}
    files = sorted(wheels.glob("*.whl")) if wheels else []
    if files:
        site = folder / "site"
        options = ["--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--target", str(site)]
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *options, *map(str, files)], check=True)
        changed["PYTHONPATH"] = os.pathsep.join([os.getcwd(), str(site), os.environ.get("PYTHONPATH", "")])
    return changed


class Running:
    """A part in a process of its own, which is ended when its time is over."""

    def __init__(self, part: Part, device: str, folder: Path, env: dict[str, str], seconds: float):
        self.part, self.found = part, folder / f"{part.name}.jsonl"
        self.log = folder / f"{part.name}.log"
        self.started, self.limit = time.monotonic(), min(PATIENCE[device] * part.seconds, seconds)
        command = [sys.executable, "-m", "vlm_lib.bench.gpu.part", *part[:2], device, str(self.found)]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True
            )

    def result(self) -> dict:
        """Wait for the end; the findings, and why they are not complete if they are not."""
        try:
            code = self.process.wait(max(0.0, self.limit - (time.monotonic() - self.started)))
            reason = f"ended with code {code}"
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # with the compilers that it started
            self.process.wait()
            reason = f"stopped after {self.limit:.0f} s"
        lines = self.found.read_text().splitlines() if self.found.exists() else []
        findings = [json.loads(line) for line in lines if line.endswith("}")]
        complete = {"end": True} in findings
        findings = [finding for finding in findings if "end" not in finding]
        failed = [finding for finding in findings if finding.get("passed") is False or "error" in finding]
        result = {"complete": complete, "passed": complete and not failed, "failed": len(failed)}
        result |= {"seconds": round(time.monotonic() - self.started, 1), "findings": findings}
        return result if complete else result | {"reason": reason, "last_words": self.log.read_text()[-TAIL:]}


def run(
    parts: list[Part], device: str, minutes: float, env: dict[str, str], folder: Path
) -> Iterator[dict[str, dict]]:
    """All parts within the time: those that may share the device, several at once, then one after another. What is
    known so far is given each time that it grows."""
    end, results = time.monotonic() + 60 * minutes, {}
    size, together = AT_ONCE[device], [part for part in parts if not part.alone]
    groups = [together[at : at + size] for at in range(0, len(together), size)]
    for group in (*groups, *([part] for part in parts if part.alone)):
        left = end - time.monotonic()
        if left < 5:
            late = {"complete": False, "passed": False, "reason": "no time was left", "findings": []}
            results |= {part.name: late for part in group}
        for running in [] if left < 5 else [Running(part, device, folder, env, left) for part in group]:
            results[running.part.name] = result = running.result()
            state = "passed" if result["passed"] else result.get("reason") or f"{result['failed']} failed"
            print(f"{running.part.name:<24} {result['seconds']:>6.1f} s  {state}", flush=True)
        yield results


def split(results: dict[str, dict]) -> dict:
    """The rows of all parts, as every other benchmark has them, and the parts with what else they found."""
    rows = [finding["row"] for result in results.values() for finding in result["findings"] if "row" in finding]
    parts = {
        name: result | {"findings": [finding for finding in result["findings"] if "row" not in finding]}
        for name, result in results.items()
    }
    return {"rows": rows, "parts": parts}


def setup(device: str, env: dict[str, str]) -> dict:
    """The card and the versions, asked in a process of its own: this one never touches the device."""
    command = [sys.executable, "-m", "vlm_lib.bench.gpu.system", device]
    return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, run, and write. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.bench.gpu")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--wheels", type=Path, help="a folder of wheels that are needed besides")
    parser.add_argument("--only", action="append", help="parts whose name begins so; may be repeated")
    args = parser.parse_args(argv)
    parts = [part for part in PARTS if not args.only or part.name.startswith(tuple(args.only))]
    if not parts:
        parser.error(f"--only: no part of {[part.name for part in PARTS]} begins with one of {args.only}")
    with tempfile.TemporaryDirectory() as temporary:
        folder, started = Path(temporary), time.monotonic()
        env = environment(args.wheels, folder)
        report = {"format": FORMAT, **setup(args.device, env)}
        print(json.dumps(report), flush=True)
        spent = (time.monotonic() - started) / 60
        for results in run(parts, args.device, args.minutes - spent, env, folder):
            report |= {"seconds": round(time.monotonic() - started, 1), **split(results)}
            write_atomically(args.out / "gpu.json", json.dumps(report, indent=1) + "\n")
            known = [part.name for part in parts if (folder / f"{part.name}.log").exists()]
            logs = [f"=== {name}\n{(folder / f'{name}.log').read_text()}" for name in known]
            write_atomically(args.out / "gpu.log", "\n".join(logs))
    for name, result in report["parts"].items():
        for finding in result["findings"]:
            if finding.get("passed") is False or "error" in finding:
                print(f"{name}: {json.dumps(finding)[:300]}")
    return 0 if all(result["complete"] for result in report["parts"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
