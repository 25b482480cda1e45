"""A task of a problem sheet, which is its own checker: `check_phi = Task(...)`, then `check_phi(my_phi)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import nn

from vlm_lib.grading.kit.compare import Case, Mistake, diagnose
from vlm_lib.grading.kit.gradients import NOT_ITS_GRADIENT, cut_off, gradients
from vlm_lib.grading.kit.report import Report
from vlm_lib.grading.kit.state import own_state
from vlm_lib.grading.kit.values import nothing_like, show
from vlm_lib.grading.kit.watch import AnswerRaised

UNTOUCHED = "This is still the placeholder: nothing is computed yet."
Cases = Callable[[int], Sequence[Case]]


def call(answer: Callable, *case) -> Any:
    """The plain use of an answer: on the arguments of a case."""
    return answer(*case)


@dataclass(frozen=True)
class Look:
    """One way to look at an answer: `use(answer, *case)` is compared for the answer, the right one and mistakes.

    `mistakes` can be told apart in this look; its `cases` are the task's unless it has its own. Cases that differ
    in the argument called `apart` are diagnosed one group at a time. `unknown` is said before what no mistake
    explains.
    """

    mistakes: Mapping[str, Mistake]
    use: Callable = call
    cases: Cases | None = None
    apart: str | None = None
    unknown: str = ""

    def messages(self, answer: Callable, task: Task, seed: int) -> list[str]:
        """What is wrong with `answer` as seen here, in words; nothing if it is as right as the task's."""
        names = argument_names(self.use, task.right)
        groups: dict[Any, list[Case]] = {}
        for case in (self.cases or task.cases)(seed):
            groups.setdefault(case[names.index(self.apart)] if self.apart else None, []).append(case)
        table = [
            Mistake(
                partial(self.use, known.wrong), known.message, tuple(partial(self.use, way) for way in known.also)
            )
            for known in self.mistakes.values()
        ]
        answers = partial(self.use, answer), partial(self.use, task.right)
        found = [text for cases in groups.values() for text in diagnose(*answers, table, cases, names)]
        known = {mistake.message for mistake in table}
        return [text if text in known else self.unknown + text for text in dict.fromkeys(found)]


def argument_names(use: Callable, right: Callable) -> list[str]:
    """The names of a case's arguments: those of `use` after the answer; those of `right` if `use` takes any."""
    _, *after = inspect.signature(use).parameters.values()
    named = all(parameter.kind is not parameter.VAR_POSITIONAL for parameter in after)
    return [parameter.name for parameter in after] if named else list(inspect.signature(right).parameters)


def zeros(right: Callable, *case) -> Any:
    """What most skeletons return: zeros, False or empty sets in the form of the right answer."""
    return nothing_like(right(*case))


@dataclass(frozen=True, eq=False)
class Task:
    """What a checker knows, callable as the checker: `task(answer, seed=0) -> Report`.

    - name: what a report calls the task. asks: signature and rule, as the sheet states them.
    - right: the right answer, with the sheet's names for its arguments.
    - placeholder: what the untouched skeleton does; zeros in the right form if not given, None if it has no value.
    - mistakes: known wrong answers by name. cases: the arguments of all calls, drawn from a seed.
    - praise: what to say to a right answer.
    - use: how an answer is used on a case, where it is not simply called. apart: see `Look`.
    - a_class: whether the answer is a class, rather than a function.
    - gradients: names of the arguments whose gradients must be right as well; answers that cut off the graph, or
      one of these arguments from it, are known. gradient_mistakes: other mistakes with the right values.
    - then: further looks, each once the ones before are content.
    - demands: what else a right answer must do, such as `no_loop`; each returns a message or None.

    Raises: ValueError if `gradients` or `apart` names what is no argument.
    """

    name: str
    asks: str
    right: Callable
    mistakes: Mapping[str, Mistake]
    cases: Cases
    praise: str
    placeholder: Callable | None = zeros
    use: Callable = call
    apart: str | None = None
    a_class: bool = False
    gradients: Sequence[str] = ()
    gradient_mistakes: Mapping[str, Mistake] = field(default_factory=dict)
    then: Sequence[Look] = ()
    demands: Sequence[Callable[[Callable], str | None]] = ()

    def __post_init__(self):
        names = argument_names(self.use, self.right) if self.gradients or self.apart else []
        for wanted in (*self.gradients, *([self.apart] if self.apart else [])):
            if wanted not in names:
                raise ValueError(
                    f"gradients or apart of task {self.name!r}: got {wanted!r}, expected one of {names}"
                )
        object.__setattr__(self, "__doc__", f"Check `{self.asks}`")  # what `check_phi?` shows in a notebook

    def __repr__(self) -> str:
        return f"<checker of {self.name}: {self.asks}>"

    def __call__(self, answer: Any, *, seed: int = 0) -> Report:
        """Check an answer on the cases of `seed`. A sheet's hidden tests use another seed than a reader does."""
        with own_state():
            messages = self._unusable(answer) or self._seen(answer, seed) or self._demanded(answer)
        return Report(self.name, not messages, tuple(messages) or (self.praise,))

    @property
    def looks(self) -> list[Look]:
        """All looks at an answer, in order: its values, their gradients, and what `then` holds."""
        placeholder = partial(zeros, self.right) if self.placeholder is zeros else self.placeholder
        untouched = {"untouched": Mistake(placeholder, UNTOUCHED)} if placeholder else {}
        looks = [Look({**untouched, **self.mistakes}, self.use, apart=self.apart)]
        if self.gradients:
            names = argument_names(self.use, self.right)
            table = {**cut_off(self.right, names, self.gradients), **self.gradient_mistakes}
            use = gradients(self.use, names, self.gradients)
            looks.append(Look(table, use, unknown=NOT_ITS_GRADIENT))
        return [*looks, *self.then]

    @property
    def known(self) -> dict[str, Mistake]:
        """Every mistake that the task can name, over all looks."""
        return {name: mistake for look in self.looks for name, mistake in look.mistakes.items()}

    def _unusable(self, answer: Any) -> list[str]:
        if self.a_class and isinstance(answer, nn.Module):
            return [f"Expected the class, got an object of type {type(answer).__name__}."]
        if not callable(answer):
            wanted = "class" if self.a_class else "function"
            return [f"Expected a {wanted}, got {show(answer)} ({type(answer).__name__})."]
        return []

    def _seen(self, answer: Callable, seed: int) -> list[str]:
        found = (look.messages(answer, self, seed) for look in self.looks)
        return next(filter(None, found), [])

    def _demanded(self, answer: Callable) -> list[str]:
        try:
            text = next(filter(None, (demand(answer) for demand in self.demands)), None)
            return [text] if text else []
        except AnswerRaised as error:
            return [str(error)]
