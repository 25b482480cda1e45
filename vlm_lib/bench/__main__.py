"""`python -m vlm_lib.bench [--only GROUP] [--quick] [--json FILE] [--device DEVICE]`"""

import argparse
import dataclasses
import importlib
import json
import os
import platform
from pathlib import Path

import torch

from vlm_lib.bench import GROUPS
from vlm_lib.bench.harness import Row, compare

COLUMNS = (
    f"{'setting':<30} {'phase':<17} {'ours':<12} {'reference':<26} {'speed-up':>8} {'(rounds)':>13} "
    f"{'limit':>8} {'operations':>10} {'memory':>8} {'our ms':>9} {'our MB':>8}"
)


def device_name(device: torch.device) -> str:
    """The name of the processor or GPU, as its maker writes it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def show(row: Row) -> str:
    """One row of the printed table; a missing figure is a dash."""

    def times(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}x"

    rounds = "-" if row.slowest is None else f"({row.slowest:.2f}-{row.fastest:.2f})"
    names = f"{row.setting:<30} {row.phase:<17} {row.ours:<12} {row.reference or '-':<26}"
    peak = "-" if row.our_peak is None else f"{row.our_peak / 1e6:.1f}"
    limits = f"{times(row.limit):>8} {times(row.operations):>10}"
    costs = f"{times(row.memory):>8} {row.our_seconds * 1e3:>9.2f} {peak:>8}"
    return f"{names} {times(row.speedup):>8} {rounds:>13} {limits} {costs}"


def report(groups: list[str], quick: bool, device: torch.device) -> dict:
    """Measure the groups, print a row as soon as it is known, and return all of it with the device's name."""
    rows = []
    for group in groups:
        print(f"\n{group}\n{COLUMNS}", flush=True)
        for comparison in importlib.import_module(f"vlm_lib.bench.{group}").comparisons(quick, device):
            for row in compare(comparison, device):
                print(show(row), flush=True)
                rows.append(dataclasses.asdict(row))
    return {
        "device": device_name(device),
        "device_type": device.type,
        "clock": "wall time after synchronising" if device.type == "cuda" else "CPU time of the process",
        "threads": 1,
        "cores": os.cpu_count(),
        "dtype": "float32",
        "torch": torch.__version__,
        "quick": quick,
        "rows": rows,
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.bench", description="ours against public references")
    parser.add_argument("--only", action="append", choices=GROUPS, help="a group to run; may be repeated")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements here too")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    device = torch.device(args.device)
    print(f"{device_name(device)}, torch {torch.__version__}: speed-up = reference time / our time,")
    print("limit = what our count of operations and bytes would allow at the speed of a plain product and copy,")
    print("operations = reference count / our count, memory = reference peak / our peak, inputs excluded")
    measured = report(args.only or list(GROUPS), args.quick, device)
    if args.json:
        args.json.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
