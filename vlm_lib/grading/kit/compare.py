"""How checkers find out which mistake an answer makes: by comparing it with implementations of known mistakes."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vlm_lib.grading.kit.state import own_state
from vlm_lib.grading.kit.values import as_value, difference, is_number, kind, same, show_case

Case = tuple  # the arguments of one call
PYTHON_NUMBER = "You return a Python number (.item()?), and no gradient comes back through one. Return the tensor."


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: an implementation that makes it, and what to say to whoever made it.

    `also` holds other implementations, where one mistake can come out in several ways.
    """

    wrong: Callable
    message: str
    also: tuple[Callable, ...] = ()

    @property
    def ways(self) -> tuple[Callable, ...]:
        return self.wrong, *self.also


@dataclass(frozen=True)
class Outcome:
    """What one call gave: a value or an error, and whether it changed its arguments."""

    returned: Any = None
    error: BaseException | None = None
    changed_input: bool = False

    @property
    def value(self) -> Any:
        """What was returned, in comparable form."""
        return as_value(self.returned)


def attempt(function: Callable, case: Case, under: contextlib.AbstractContextManager | None = None) -> Outcome:
    """Call `function` on a copy of `case`, with `under` watching; its exception is a result, not a failure here.

    Every call of an answer goes through here, so that what its notebook has set does not reach the result.
    """
    arguments = copy.deepcopy(case)
    try:
        with own_state(), under or contextlib.nullcontext():
            returned = function(*arguments)
    except (Exception, SystemExit) as error:
        return Outcome(error=error)
    return Outcome(returned, changed_input=not same(as_value(arguments), as_value(case)))


def matches(outcomes: Sequence[Outcome], wrong: Callable, right: Sequence[Any], cases: Sequence[Case]) -> bool:
    """Whether the answer gave what `wrong` gives wherever it gave anything, and was wrong at least once."""
    wrong_somewhere = False
    for outcome, expected, case in zip(outcomes, right, cases, strict=True):
        if outcome.error is not None:
            continue
        known = attempt(wrong, case)
        if known.error is not None or not same(outcome.value, known.value):
            return False
        wrong_somewhere |= not same(outcome.value, expected)
    return wrong_somewhere


def raised(error: BaseException) -> str:
    """An exception of an answer, as a message quotes it."""
    return f"It raised {type(error).__name__}: {error}"


def _of_another_type(outcome: Outcome, expected: Any) -> str | None:
    """What to say about right values that are of another type than expected."""
    if isinstance(expected, Tensor) and not isinstance(outcome.returned, Tensor):
        return f"The values are right, but you return a {type(outcome.returned).__name__}, not a tensor."
    text = difference(outcome.value, expected)
    return f"{text[0].upper()}{text[1:]}." if text else None


def _is_cut_off(outcome: Outcome, expected: Any) -> bool:
    """Whether a Python number came where a tensor with a gradient is asked for."""
    asked = isinstance(expected, Tensor) and kind(expected) == "floating-point numbers"
    return asked and is_number(outcome.returned)


def diagnose(
    answer: Callable, right: Callable, mistakes: Sequence[Mistake], cases: Sequence[Case], names: Sequence[str]
) -> list[str]:
    """What is wrong with `answer`, in words; nothing if it agrees with `right` on all cases.

    `names` are the arguments' names, for a message about an answer that makes none of `mistakes`. The right values
    are never part of a message.
    """
    outcomes = [attempt(answer, case) for case in cases]
    expected = [as_value(right(*copy.deepcopy(case))) for case in cases]
    seen = list(zip(outcomes, expected, cases, strict=True))
    if any(_is_cut_off(outcome, value) for outcome, value, _ in seen):
        return [PYTHON_NUMBER]
    messages = []
    if any(outcome.changed_input for outcome in outcomes):
        messages.append("Your function changes its input in place; whoever calls it may need the input again.")
    wrong = [entry for entry in seen if entry[0].error is not None or not same(entry[0].value, entry[1])]
    if not wrong:
        kinds = (_of_another_type(outcome, value) for outcome, value, _ in seen)
        return messages + list(filter(None, kinds))[:1]
    messages += [
        mistake.message
        for mistake in mistakes
        if any(matches(outcomes, way, expected, cases) for way in mistake.ways)
    ]
    failed = next(((outcome, case) for outcome, _, case in wrong if outcome.error is not None), None)
    if failed:
        outcome, case = failed
        messages.append(f"{raised(outcome.error)} with {show_case(names, case)}.")
    elif not messages:
        outcome, value, case = wrong[0]
        messages.append(f"Wrong with {show_case(names, case)}: {difference(outcome.value, value)}.")
    return messages
