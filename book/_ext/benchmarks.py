"""The directive `{bench} FILE`: tables of one committed run of `python -m vlm_lib.bench --json FILE`.

Option `show` chooses the part: `device`, `goals`, `convergence`, or a group of comparisons. FILE is relative to
the page. No figure is typed into the page, and a part that the file does not hold is an error.
"""

import json
import statistics
from itertools import groupby
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from vlm_lib.bench.goals import FIGURES, Goal, judged
from vlm_lib.bench.rows import Row

FIGURE_NAMES = {"speedup": "speed-up", "memory": "memory ratio", "our_peak": "peak"}
VERDICTS = {True: "reached", False: "not reached", None: "not measured"}


def times(value: float | None) -> str:
    """A ratio with three digits; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.0f}×" if value >= 100 else f"{value:.3g}×"


def amount(row_or_goal_value: float | None, figure: str) -> str:
    """A figure of a row in its unit."""
    if figure != "our_peak":
        return times(row_or_goal_value)
    return "–" if row_or_goal_value is None else f"{row_or_goal_value / 1e6:.3g} MB"


def duration(seconds: float) -> str:
    """Milliseconds, or seconds from one second on."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def device_table(run: dict) -> list[list[str]]:
    """What was measured on."""
    setting = f"{run['dtype']}, {run['threads']} thread of {run['cores']} cores"
    return [["Device", run["device"]], ["Setting", setting], ["Clock", run["clock"]], ["PyTorch", run["torch"]]]


def goal_line(goal: Goal, row: Row, met: bool | None) -> list[str]:
    against = f"{goal.ours} against {goal.reference}" if goal.reference else f"{goal.ours} alone"
    bound = f"{FIGURE_NAMES[goal.figure]} {FIGURES[goal.figure]} {amount(goal.bound, goal.figure)}"
    return [row.setting, against, bound, amount(getattr(row, goal.figure), goal.figure), VERDICTS[met]]


def speed(row: Row) -> str:
    """The median of the rounds, and their extremes."""
    if row.speedup is None:
        return duration(row.our_seconds)
    return f"{times(row.speedup)} ({times(row.slowest)} to {times(row.fastest)})"


def comparison_lines(rows: list[Row]) -> tuple[list[str], list[list[str]]]:
    """Column names and lines: one for each setting, implementation and reference, with a column for each phase."""
    phases = list(dict.fromkeys(row.phase for row in rows))
    lines = []
    for _, same in groupby(rows, key=lambda row: row.setting):
        pairs = {}
        for row in same:
            pairs.setdefault((row.ours, row.reference), []).append(row)
        for (ours, reference), by_phase in pairs.items():
            last = by_phase[-1]
            measured = [speed(row) for row in by_phase]
            peak = amount(last.our_peak, "our_peak")
            line = [last.setting, ours, reference or "–", *measured, times(last.limit), times(last.memory)]
            lines.append([*line, duration(last.our_seconds), peak])
    named = [phase[0].upper() + phase[1:].replace("+", " + ") for phase in phases]
    return ["Setting", "Ours", "Against", *named, "Limit", "Memory", "Our time", "Our peak"], lines


def convergence_lines(runs: list[dict]) -> list[list[str]]:
    """A line for each seed with both precisions, and one for what they differ by."""
    by_seed = {}
    for run in runs:
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
    return lines


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
            return [table([], device_table(measured), "bench-device")]
        if show == "goals":
            columns = ["Setting", "What", "Goal", "Measured", ""]
            return [table(columns, [goal_line(*each) for each in judged(rows)], "bench-goals")]
        if show == "convergence":
            columns = ["Seed", "Loss, float32", "Loss, bfloat16", "R@1, float32", "R@1, bfloat16"]
            return [table(columns, convergence_lines(measured["convergence"]["runs"]), "bench-convergence")]
        chosen = [row for row in rows if row.group == show]
        if not chosen:
            raise self.error(f"{self.arguments[0]} holds no group {show!r}")
        return [table(*comparison_lines(chosen), "bench-rows")]


def table(columns: list[str], lines: list[list[str]], kind: str) -> nodes.container:
    """A table that scrolls within the page; a line that names the setting of the line above leaves it out."""
    group = nodes.tgroup(cols=len(lines[0]))
    group += [nodes.colspec(colwidth=1) for _ in lines[0]]
    if columns:
        head = nodes.row()
        head += [nodes.entry("", nodes.paragraph("", name)) for name in columns]
        group += nodes.thead("", head)
    body, above = nodes.tbody(), None
    for line in lines:
        shown = [" " if line[0] == above else line[0], *line[1:]]
        row, above = nodes.row(), line[0]
        row += [nodes.entry("", nodes.paragraph("", text)) for text in shown]
        body += row
    group += body
    return nodes.container("", nodes.table("", group, classes=["bench", kind]), classes=["bench-frame"])


def setup(app):
    app.add_directive("bench", Benchmarks)
    app.add_css_file("bench.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
