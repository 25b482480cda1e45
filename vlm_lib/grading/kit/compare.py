"""How checkers find out which mistake an answer makes: by comparing it with implementations of known mistakes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vlm_lib.grading.kit.calls import off_stderr
from vlm_lib.grading.kit.report import Report
from vlm_lib.grading.kit.values import as_value, difference, same

Case = tuple  # the arguments of one call
UNTOUCHED = "This is still the placeholder: nothing is computed yet."


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: its name, an implementation that makes it, and what to say to whoever made it."""

    name: str
    wrong: Callable
    message: str


@dataclass(frozen=True)
class Outcome:
    """What one call gave: a value or an error, and whether it changed its arguments."""

    value: Any = None
    error: Exception | None = None
    changed_input: bool = False
    returned: type = type(None)


def attempt(function: Callable, case: Case) -> Outcome:
    """Call `function` on a copy of `case`; an exception of the answer is a result, not a failure here."""
    arguments = copy.deepcopy(case)
    try:
        with off_stderr():
            returned = function(*arguments)
    except Exception as error:
        return Outcome(error=error)
    changed = not same(as_value(arguments), as_value(case))
    return Outcome(as_value(returned), changed_input=changed, returned=type(returned))


def matches(outcomes: Sequence[Outcome], mistake: Mistake, right: Sequence[Any], cases: Sequence[Case]) -> bool:
    """Whether the answer gave what `mistake` gives wherever it gave anything, and was wrong at least once."""
    wrong_somewhere = False
    for outcome, expected, case in zip(outcomes, right, cases, strict=True):
        if outcome.error is not None:
            continue
        known = attempt(mistake.wrong, case)
        if known.error is not None or not same(outcome.value, known.value):
            return False
        wrong_somewhere |= not same(outcome.value, expected)
    return wrong_somewhere


def show(value: Any) -> str:
    """A value as a reader would write it: booleans as 0 and 1, three decimals, a large tensor as its shape."""
    if isinstance(value, Tensor):
        if value.numel() > (4 if value.is_floating_point() else 40):
            return f"a tensor of shape {list(value.shape)}"
        value = value.int() if value.dtype == torch.bool else value.detach()
        return str((value.double().round(decimals=3) if value.is_floating_point() else value).tolist())
    if isinstance(value, list) and all(isinstance(item, bool) for item in value):
        return str([int(item) for item in value])
    return getattr(value, "__name__", None) or repr(value)


def show_case(names: Sequence[str], case: Case) -> str:
    """The arguments of a call that are short enough to help, or the shapes of all if none is."""
    shown = {name: show(value) for name, value in zip(names, case, strict=True)}
    short = {name: text for name, text in shown.items() if not text.startswith("a tensor of shape")}
    return ", ".join(f"{name} = {text}" for name, text in (short or shown).items())


def diagnose(
    task: str,
    answer: Callable,
    right: Callable,
    mistakes: Sequence[Mistake],
    cases: Sequence[Case],
    *,
    names: Sequence[str],
    praise: str,
) -> Report:
    """Compare `answer` with `right` on all cases; where it is wrong, say which of `mistakes` it makes.

    `names` are the arguments' names, for a message about an answer that makes none of them. The right values are
    never part of a message.
    """
    if not callable(answer):
        came = f"{show(answer)} ({type(answer).__name__})"
        return Report(task, False, (f"Expected a function or class, got {came}.",))
    outcomes = [attempt(answer, case) for case in cases]
    expected = [as_value(right(*copy.deepcopy(case))) for case in cases]
    messages = []
    if any(outcome.changed_input for outcome in outcomes):
        messages.append("Your function changes its input in place; whoever calls it may need the input again.")
    wrong = [
        (outcome, value, case)
        for outcome, value, case in zip(outcomes, expected, cases, strict=True)
        if outcome.error is not None or not same(outcome.value, value)
    ]
    if not wrong:
        returned = outcomes[0].returned
        if isinstance(expected[0], Tensor) and not issubclass(returned, Tensor):
            messages.append(f"The values are right, but you return a {returned.__name__}, not a tensor.")
        kind = next(filter(None, map(difference, (o.value for o in outcomes), expected)), None)
        messages += [f"{kind[0].upper()}{kind[1:]}."] if kind else []
        return Report(task, not messages, tuple(messages) or (praise,))
    messages += [mistake.message for mistake in mistakes if matches(outcomes, mistake, expected, cases)]
    failed = [(outcome, case) for outcome, _, case in wrong if outcome.error is not None]
    if failed:
        outcome, case = failed[0]
        error = f"{type(outcome.error).__name__}: {outcome.error}"
        messages.append(f"It raised {error} with {show_case(names, case)}.")
    elif not messages:
        outcome, value, case = wrong[0]
        found = difference(outcome.value, value)
        messages.append(f"Wrong with {show_case(names, case)}: {found}.")
    return Report(task, False, tuple(messages))
