"""What a checker answers: passed or not, and why."""

from dataclasses import dataclass


class NotYet(AssertionError):
    """Raised by `Report.require`. A notebook shows its message alone, without a traceback through the checker."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class Report:
    """The result of one check. As the last line of a cell it shows itself as text.

    `task` names what was checked, `passed` whether all was right, `messages` what was seen: one thing each.
    """

    task: str
    passed: bool
    messages: tuple[str, ...]

    def __str__(self) -> str:
        head = f"{self.task}: {'right' if self.passed else 'not yet'}"
        return "\n".join([head, *(f"  - {message}" for message in self.messages)])

    __repr__ = __str__

    def require(self) -> None:
        """Print the report if the check passed, else raise `NotYet` with it: what a sheet's test cell does."""
        if not self.passed:
            raise NotYet(str(self))
        print(self)
