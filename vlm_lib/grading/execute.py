"""Executing a submission to its end, whatever one of its cells does."""

from __future__ import annotations

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute

SKIP = "skip-execution"  # nbclient's own tag


class ExecuteEveryCell(Execute):
    """nbgrader's execution, made to survive cells that cannot be interrupted or that end the kernel.

    A cell that runs too long is interrupted, and the rest goes on (nbgrader does that). A cell that swallows
    the interrupt (a bare `except` inside `while True`) or kills the kernel would cost the student everything.
    Here it is marked as failed, and all others are executed again in a new kernel.
    """

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
