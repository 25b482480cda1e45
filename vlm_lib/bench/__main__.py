"""`python -m vlm_lib.bench [--only PART] [--quick] [--json FILE] [--device DEVICE]`"""

import argparse
import dataclasses
import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from vlm_lib.bench import GROUPS, convergence
from vlm_lib.bench.goals import FIGURES, VERDICTS, judged
from vlm_lib.bench.harness import Comparison, compare
from vlm_lib.bench.measure import device_name
from vlm_lib.bench.rows import Row
from vlm_lib.cache import write_atomically

PARTS = (*GROUPS, "convergence")
COLUMNS = (
    f"{'setting':<30} {'phase':<17} {'ours':<12} {'reference':<26} {'speed-up':>8} {'(rounds)':>13} "
    f"{'limit':>8} {'operations':>10} {'memory':>8} {'our ms':>9} {'our MB':>8}"
)


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


def show_goals(rows: list[Row]) -> None:
    """Print the goals that speak of these rows, if there are any."""
    found = list(judged(rows))
    if found:
        print("\ngoals")
    for goal, row, met in found:
        value = getattr(row, goal.figure)
        shown = "-" if value is None else f"{value:.2f}" if goal.figure != "our_peak" else f"{value:.0f}"
        names = f"{row.setting:<30} {goal.ours:<12} {goal.reference or '-':<26}"
        print(f"{names} {goal.figure:<9} {FIGURES[goal.figure]} {goal.bound:g}: {shown} {VERDICTS[met]}")


def comparisons(group: str, quick: bool, device: torch.device) -> Iterator[Comparison]:
    """What a group compares."""
    return importlib.import_module(f"vlm_lib.bench.{group}").comparisons(quick, device)


def report(parts: list[str], quick: bool, device: torch.device) -> dict:
    """Measure, print a row as soon as it is known, and return all of it with the device's name."""
    rows = []
    for group in (part for part in parts if part in GROUPS):
        print(f"\n{group}\n{COLUMNS}", flush=True)
        for comparison in comparisons(group, quick, device):
            for row in compare(comparison, device):
                print(show(row), flush=True)
                rows.append(row)
    show_goals(rows)
    measured = {
        "device": device_name(device),
        "device_type": device.type,
        "clock": "CUDA events, L2 cache emptied before each call"
        if device.type == "cuda"
        else "CPU time of the process",
        "threads": 1,
        "cores": os.cpu_count(),
        "dtype": "float32",
        "torch": torch.__version__,
        "quick": quick,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    return measured | ({"convergence": convergence.report(quick, device)} if "convergence" in parts else {})


def into(path: Path, measured: dict) -> dict:
    """`measured` completed by what `path` holds of other parts; both must come from the same set-up.

    Raises: ValueError if the file was measured elsewhere or otherwise.
    """
    if not path.exists():
        return measured
    earlier = json.loads(path.read_text())
    setup = [key for key in measured if key not in ("rows", "convergence")]
    if other := [key for key in setup if earlier.get(key) != measured[key]]:
        differs = ", ".join(f"{key} {earlier.get(key)!r} there, {measured[key]!r} now" for key in other)
        raise ValueError(f"{path} was measured otherwise ({differs}): name another file")
    again = {row["group"] for row in measured["rows"]}
    rows = [row for row in earlier["rows"] if row["group"] not in again] + measured["rows"]
    return earlier | measured | {"rows": sorted(rows, key=lambda row: GROUPS.index(row["group"]))}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.bench", description="ours against public references")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part to run; may be repeated")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep the measurements here; what it holds of other parts stays"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    device = torch.device(args.device)
    print(f"{device_name(device)}, torch {torch.__version__}: speed-up = reference time / our time,")
    print("limit = what our count of operations and bytes would allow at the speed of a plain product and copy,")
    print("operations = reference count / our count, memory = reference peak / our peak, inputs excluded")
    measured = report(args.only or list(PARTS), args.quick, device)
    if args.json:
        write_atomically(args.json, json.dumps(into(args.json, measured), indent=1) + "\n")


if __name__ == "__main__":
    main()
