"""The directive `{bench} FILE`: tables of a committed run of `vlm_lib.bench` or, for a GPU, `vlm_lib.bench.gpu`.

Option `show` chooses the part: `device`, `goals`, `convergence`, a group of comparisons, or of a GPU's run
`checks` and `fifty-steps`. FILE is relative to the page. No figure is typed into the page, and a part that the
file does not hold is an error.
"""

import json
import statistics
from itertools import groupby
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from vlm_lib.bench.goals import FIGURES, OF_DEVICE, VERDICTS, Goal, judged
from vlm_lib.bench.rows import Row

FIGURE_NAMES = {
    "speedup": "speed-up",
    "memory": "memory ratio",
    "our_peak": "peak",
    "above_limit": "time over the limit",
}
Cell = str | list[str]  # a list: one paragraph each
Section = tuple[str | None, list[list[Cell]]]  # a title over several lines


def times(value: float | None) -> str:
    """A ratio with three digits; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}×"


def amount(value: float | None, figure: str) -> str:
    """A figure of a row in its unit."""
    if figure != "our_peak":
        return times(value)
    if value is None:
        return "–"
    return f"{value / 1e9:.3g} GB" if value >= 1e9 else f"{value / 1e6:.3g} MB"


def duration(seconds: float) -> str:
    """Milliseconds, or seconds from one second on."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def speed(row: Row) -> list[str]:
    """The median of the rounds, and their extremes below it."""
    if row.speedup is None:
        return [duration(row.our_seconds)]
    return [times(row.speedup), f"{times(row.slowest)} to {times(row.fastest)}"]


def device_section(run: dict) -> Section:
    """What was measured on."""
    if run["device_type"] == "cuda":
        setting = ["Setting", f"CUDA {run['cuda']}, driver {run['driver']}, Triton {run['packages']['triton']}"]
        last = ["The whole run", duration(run["seconds"])]
    else:
        setting = ["Setting", f"{run['dtype']}, {run['threads']} thread of {run['cores']} cores"]
        last = ["Clock", run["clock"]]
    return None, [["Device", run["device"]], setting, ["PyTorch", run["torch"]], last]


def check_section(parts: dict[str, dict]) -> Section:
    """How many comparisons with float64 each part of a GPU's run made, and how near to the allowed they came."""
    lines = []
    for name, part in parts.items():
        checks = [found for found in part["findings"] if "check" in found]
        if checks and not name.startswith("training"):
            sizes = [
                found["size"] / found["allowed"] for found in checks if found.get("allowed") and "size" in found
            ]
            failed = [found["check"] for found in checks if not found["passed"]]
            counts = f"{len(checks)}", f"{len(failed)}"
            lines.append([name.removesuffix(" all"), *counts, f"{max(sizes):.2f}", failed or "–"])
    return None, lines


def fifty_steps_section(parts: dict[str, dict]) -> Section:
    """A line for each model and precision: first and last loss, and seconds."""
    lines = []
    for name, part in parts.items():
        for run in (found for found in part["findings"] if "precision" in found):
            loss, last = run["loss"], sum(run["loss"][-10:]) / 10
            model = name.removeprefix("training ")
            lines.append([model, run["precision"], f"{loss[0]:.4f}", f"{last:.4f}", duration(run["seconds"])])
    return None, lines


def goal_sections(rows: list[Row], goals: tuple[Goal, ...]) -> list[Section]:
    """The goals of each setting with what was measured."""
    lines: dict[str, list[list[Cell]]] = {}
    for goal, row, met in judged(rows, goals):
        against = f"{goal.ours} against {goal.reference}" if goal.reference else f"{goal.ours} alone"
        bound = f"{goal.bound / 1e6:g} MB" if goal.figure == "our_peak" else f"{goal.bound:g}×"
        measured = amount(getattr(row, goal.figure), goal.figure)
        aim = f"{FIGURE_NAMES[goal.figure]} {FIGURES[goal.figure]} {bound}"
        lines.setdefault(row.setting, []).append([against, aim, measured, VERDICTS[met]])
    return list(lines.items())


def comparison_sections(rows: list[Row]) -> tuple[list[str], list[Section]]:
    """Column names, and a line for each implementation and reference of a setting with a column for each phase."""
    phases = list(dict.fromkeys(row.phase for row in rows))
    sections = []
    for setting, same in groupby(rows, key=lambda row: row.setting):
        pairs: dict[tuple, list[Row]] = {}
        for row in same:
            pairs.setdefault((row.ours, row.reference), []).append(row)
        lines = []
        for (ours, reference), by_phase in pairs.items():
            last = by_phase[-1]
            costs = [times(last.limit), times(last.memory), duration(last.our_seconds)]
            lines.append(
                [ours, reference or "–", *map(speed, by_phase), *costs, amount(last.our_peak, "our_peak")]
            )
        sections.append((setting, lines))
    named = [phase[0].upper() + phase[1:].replace("+", " + ") for phase in phases]
    return ["Ours", "Against", *named, "Limit", "Memory", "Our time", "Our peak"], sections


def convergence_section(convergence: dict) -> Section:
    """A line for each seed with both precisions, and one for what the seeds differ by, under the model's sizes."""
    by_seed = {}
    for run in convergence["runs"]:
        by_seed.setdefault(run["seed"], {})[run["precision"]] = run
    lines = []
    for seed, pair in by_seed.items():
        full, half = pair["float32"], pair["bfloat16"]
        lines.append([f"{seed}", *(f"{r[key]:.3f}" for key in ("loss", "recall") for r in (full, half))])
    for name, of in (("mean", statistics.mean), ("largest − smallest", lambda values: max(values) - min(values))):
        columns = [
            [pair[precision][key] for pair in by_seed.values()]
            for key in ("loss", "recall")
            for precision in ("float32", "bfloat16")
        ]
        lines.append([name, *(f"{of(column):.3f}" for column in columns)])
    sizes = "{layers}+{text_layers} layers, width {width}, batch {batch}, {steps} steps"
    return sizes.format(**convergence["recipe"]), lines


class Benchmarks(SphinxDirective):
    """One part of one run."""

    required_arguments = 1
    option_spec = {"show": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        measured = json.loads(path.read_text())
        rows = [Row(**row) for row in measured["rows"]]
        show = self.options["show"]
        if show == "device":
            return [table([], [device_section(measured)], "bench-device")]
        if show == "goals":
            goals = OF_DEVICE[measured["device_type"]]
            return [table(["What", "Goal", "Measured", ""], goal_sections(rows, goals), "bench-goals")]
        if show == "convergence":
            columns = ["Seed", "Loss, float32", "Loss, bfloat16", "R@1, float32", "R@1, bfloat16"]
            return [table(columns, [convergence_section(measured["convergence"])], "bench-convergence")]
        if show == "checks":
            columns = ["Part", "Checks", "Failed", "Largest error / allowed", "What failed"]
            return [table(columns, [check_section(measured["parts"])], "bench-checks")]
        if show == "fifty-steps":
            columns = ["Model", "Precision", "First loss", "Last ten", "Time"]
            return [table(columns, [fifty_steps_section(measured["parts"])], "bench-fifty-steps")]
        chosen = [row for row in rows if row.group == show]
        if not chosen:
            raise self.error(f"{self.arguments[0]} holds no group {show!r}")
        return [table(*comparison_sections(chosen), "bench-rows")]


def table(columns: list[str], sections: list[Section], kind: str) -> nodes.container:
    """A table that scrolls within the page where it must; a section's title stands in a row of its own."""
    width = len(sections[0][1][0])
    group = nodes.tgroup(cols=width)
    group += [nodes.colspec(colwidth=1) for _ in range(width)]
    if columns:
        head = nodes.row()
        head += [entry(name) for name in columns]
        group += nodes.thead("", head)
    body = nodes.tbody()
    for title, lines in sections:
        if title is not None:
            heading = nodes.entry("", nodes.paragraph("", "", nodes.strong("", title)), morecols=width - 1)
            body += nodes.row("", heading, classes=["bench-section"])
        for line in lines:
            row = nodes.row()
            row += [entry(cell) for cell in line]
            body += row
    group += body
    return nodes.container("", nodes.table("", group, classes=["bench", kind]), classes=["bench-frame"])


def entry(cell: Cell) -> nodes.entry:
    paragraphs = [cell] if isinstance(cell, str) else cell
    return nodes.entry("", *(nodes.paragraph("", text) for text in paragraphs))


def setup(app):
    app.add_directive("bench", Benchmarks)
    app.add_css_file("bench.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
