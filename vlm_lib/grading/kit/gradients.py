"""Checks in two stages: what an answer returns, then the gradient that comes back through it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vlm_lib.grading.kit.compare import Case, Mistake, diagnose
from vlm_lib.grading.kit.report import Report

NO_GRADIENT = "The result is right, but no gradient comes back through it."


def gradients(function: Callable, leaves: Sequence[int]) -> Callable:
    """The gradients of one number made from `function`'s result, in the arguments whose positions are `leaves`.

    An argument that the result does not depend on has the gradient 0, as has every one of a cut-off result.
    """

    def run(*case) -> tuple[Tensor, ...]:
        arguments = [x.clone().requires_grad_() if at in leaves else x for at, x in enumerate(case)]
        inputs = [arguments[at] for at in leaves]
        out = function(*arguments)
        if not out.requires_grad:
            return tuple(torch.zeros_like(x) for x in inputs)
        return torch.autograd.grad(out.square().sum(), inputs, materialize_grads=True)

    return run


def diagnose_both_ways(
    task: str,
    answer: Callable,
    right: Callable,
    mistakes: Sequence[Mistake],
    gradient_mistakes: Sequence[Mistake],
    cases: Sequence[Case],
    *,
    leaves: Sequence[int],
    names: Sequence[str],
    praise: str,
) -> Report:
    """`diagnose` the values and, once they are right, the gradients in the arguments at `leaves`.

    The entries of `gradient_mistakes` are functions like `answer` whose values are right.
    """
    report = diagnose(task, answer, right, mistakes, cases, names=names, praise=praise)
    if not report.passed:
        return report
    table = [Mistake(entry.name, gradients(entry.wrong, leaves), entry.message) for entry in gradient_mistakes]
    ways_back = gradients(answer, leaves), gradients(right, leaves)
    report = diagnose(task, *ways_back, table, cases, names=names, praise=praise)
    if report.passed:
        return report
    known = {entry.message for entry in table}
    messages = [
        text if text in known else f"The result is right, its gradient is not. {text}" for text in report.messages
    ]
    return Report(task, False, tuple(messages))
