"""Running a sheet to its end, whatever one of its cells does."""

from __future__ import annotations

import copy
from collections.abc import Callable

from nbformat import NotebookNode

from vlm_lib.grading.kernel import START_SECONDS, Kernel, Outcome
from vlm_lib.grading.sheet import is_answer, is_test

# The first use of an optimiser imports much of torch (2 s of CPU time): it is made before any answer is timed.
WARM_UP = """if 'torch' in __import__('sys').modules:
    __import__('torch').optim.SGD([__import__('torch').zeros(1)], lr=1.0).zero_grad()"""


def run_notebook(notebook: NotebookNode, timeout: float, new_kernel: Callable[[], Kernel]) -> dict[str, Outcome]:
    """Run all code cells; what became of each, by its id. `timeout`: seconds for an answer or a test; `new_kernel`
    makes the process for them.

    A cell that runs too long is interrupted, and the rest goes on. A cell that cannot be interrupted (a bare
    `except` inside `while True`) or ends its process would cost the student everything: it is left out, and all
    others are run again in a new process. Raises: KernelError.
    """
    given_up: dict[str, Outcome] = {}
    while True:
        outcomes = _one_pass(notebook, given_up, timeout, new_kernel)
        if len(outcomes) == sum(cell.cell_type == "code" for cell in notebook.cells):
            return outcomes
        given_up |= {name: outcome for name, outcome in outcomes.items() if outcome.lost}


def _one_pass(
    notebook: NotebookNode, given_up: dict[str, Outcome], timeout: float, new_kernel: Callable[[], Kernel]
) -> dict[str, Outcome]:
    """Run in one process all cells but those given up, up to the first that ends it."""
    outcomes: dict[str, Outcome] = {}
    with new_kernel() as kernel:
        warm = False
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            if cell["id"] in given_up:
                outcomes[cell["id"]] = given_up[cell["id"]]
                continue
            timed = is_answer(cell) or is_test(cell)
            if timed and not warm:
                warm = kernel.run(WARM_UP, START_SECONDS).status == "ok"
            seconds = timeout if timed else START_SECONDS
            outcomes[cell["id"]] = outcome = kernel.run(cell.source, seconds)
            if outcome.lost:
                break
    return outcomes


def with_outputs(notebook: NotebookNode, outcomes: dict[str, Outcome]) -> NotebookNode:
    """A copy of the notebook with what its cells wrote, and how those ended that could not."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        outcome = outcomes.get(cell["id"])
        if outcome:
            cell.outputs = outcome.outputs
            if outcome.status in ("too long", "ended"):
                said = {"ename": outcome.status, "evalue": "", "traceback": [outcome.status]}
                cell.outputs = [*outcome.outputs, {"output_type": "error", **said}]
    return notebook
