"""The parts of the check, most valuable first, and the seconds each may take."""

from typing import NamedTuple


class Part(NamedTuple):
    """`run(subject, device)` of `module` yields the findings; unless alone, parts run at once."""

    module: str
    subject: str
    seconds: int
    alone: bool

    @property
    def name(self) -> str:
        return f"{self.module.rpartition('.')[2]} {self.subject}"


def _part(module: str, subject: str, seconds: int, *, alone: bool) -> Part:
    return Part(f"{__package__}.{module}", subject, seconds, alone)


PARTS = (
    *(_part("attention", dtype, 150, alone=False) for dtype in ("float32", "bfloat16", "float16")),
    _part("losses", "all", 150, alone=False),
    _part("pooling", "all", 100, alone=False),
    _part("compiled", "all", 180, alone=False),
    _part("ranks", "one rank", 100, alone=False),
    _part("speed", "contrastive", 70, alone=True),
    _part("speed", "attention", 170, alone=True),
    _part("speed", "pooling", 80, alone=True),
    _part("training", "flamingo", 45, alone=True),
    _part("training", "clip", 45, alone=True),
)
