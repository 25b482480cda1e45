"""Executing a submission to its end, whatever one of its cells does."""

from __future__ import annotations

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute

from vlm_lib.grading.sheet import nbgrader_of

SKIP = "skip-execution"  # nbclient's own tag
# For the sheet's own imports and for a kernel's start: a slow machine is not the student's fault.
SETUP_SECONDS = 300
# The first use of an optimiser imports much of torch (2 s of CPU time), so let it happen before any cell is timed.
WARM_UP = "__import__('torch').optim.SGD([__import__('torch').zeros(1)], lr=1.0).zero_grad()"


class ExecuteEveryCell(Execute):
    """nbgrader's execution, made to survive cells that cannot be interrupted or that end the kernel.

    A cell that runs too long is interrupted, and the rest goes on (nbgrader does that). A cell that swallows
    the interrupt (a bare `except` inside `while True`) or kills the kernel would cost the student everything.
    Here it is marked as failed, and all others are executed again in a new kernel.
    """

    def __init__(self, **traits):
        super().__init__(**traits)
        self.startup_timeout = SETUP_SECONDS
        self.shutdown_kernel = "immediate"  # there is nothing to save, and a kernel in a loop would not listen
        self.extra_arguments = ["--log-level=CRITICAL", f"--IPKernelApp.exec_lines={WARM_UP}"]
        self.timeout_func = self.seconds_for

    def seconds_for(self, cell: NotebookNode) -> int:
        """The time that a cell may take: `timeout`, but more for a cell of the sheet that only prepares."""
        ours = nbgrader_of(cell)
        return SETUP_SECONDS if ours.get("locked") and not ours.get("grade") else self.timeout

    def preprocess(self, nb: NotebookNode, resources: dict, km=None) -> tuple[NotebookNode, dict]:
        given_up: dict[int, str] = {}
        while True:
            try:
                nb, resources = super().preprocess(nb, resources, km)
                break
            except (CellTimeoutError, DeadKernelError) as error:
                given_up[self.current] = type(error).__name__
                cell = nb.cells[self.current]
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), SKIP]
        for index, name in given_up.items():
            cell = nb.cells[index]
            cell.metadata["tags"].remove(SKIP)
            cell.outputs = [new_output("error", ename=name, evalue="", traceback=[name])]
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        self.current = index
        return super().preprocess_cell(cell, resources, index)
