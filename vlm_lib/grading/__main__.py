"""`python -m vlm_lib.grading`: make the student version of a problem sheet, and grade a class."""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from vlm_lib.grading.sheet import SheetError

RUNS_CODE = "Grading runs the students' code on this machine; what that code can reach is said at the start."


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(prog="python -m vlm_lib.grading", description=__doc__)
    sub = commands.add_subparsers(dest="command", required=True)
    command = sub.add_parser("release", help="write the student version of a sheet into a folder")
    command.add_argument("sheet", help="the sheet's .md file, or its name, such as 34_flamingo")
    command.add_argument("out", help="folder for the student version")
    command = sub.add_parser("student", help="write the student version beside the sheet, as it is committed")
    command.add_argument("sheet", help="the sheet's .md file, or its name")
    command = sub.add_parser("grade", help=f"grade submissions. {RUNS_CODE}", description=RUNS_CODE)
    command.add_argument("sheet", help="the sheet's .md file, or its name")
    command.add_argument("submissions", help="folder with a folder, or an .ipynb, for each student")
    command.add_argument("out", help="folder for scores.csv and reports/: new, or one to go on with")
    command.add_argument("--timeout", type=float, default=30, help="seconds that one cell may take (default 30)")
    command.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="submissions at a time")
    return commands


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line asks for. Raises: SheetError."""
    if find_spec("nbgrader") is None:
        raise SheetError('nbgrader is not installed; get it with: pip install "vlm_lib[grading]"')
    if arguments.command == "grade":
        from vlm_lib.grading.grade import grade

        start = time.perf_counter()
        results = grade(
            arguments.sheet, arguments.submissions, arguments.out, timeout=arguments.timeout, jobs=arguments.jobs
        )
        failed = sum(bool(result.problem) for result in results)
        minutes = (time.perf_counter() - start) / 60
        print(f"{len(results)} submissions in {minutes:.1f} min, {failed} not graded: {Path(arguments.out)}")
        return
    from vlm_lib.grading.release import release, student

    made = student(arguments.sheet) if arguments.command == "student" else release(arguments.sheet, arguments.out)
    print(f"wrote {made}")


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for what cannot be used, 130 after Ctrl-C."""
    arguments = parser().parse_args(argv)
    sys.stdout.reconfigure(errors="backslashreplace")  # a name from anywhere, on a terminal of any encoding
    try:
        run(arguments)
    except SheetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what is done is written, and the same command goes on from there", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
