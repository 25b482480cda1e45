"""The parts of the check, most valuable first, and the seconds each may take."""

from typing import NamedTuple


class Part(NamedTuple):
    """`run(subject, device)` of a module of this package yields the findings; unless alone, parts run at once."""

    module: str
    subject: str
    seconds: int
    alone: bool

    @property
    def name(self) -> str:
        return f"{self.module} {self.subject}"


PARTS = (
    *(Part("attention", dtype, 150, alone=False) for dtype in ("float32", "bfloat16", "float16")),
    Part("losses", "all", 150, alone=False),
    Part("pooling", "all", 100, alone=False),
    Part("compiled", "all", 180, alone=False),
    Part("ranks", "one rank", 100, alone=False),
    Part("speed", "contrastive", 70, alone=True),
    Part("speed", "attention", 170, alone=True),
    Part("speed", "pooling", 80, alone=True),
    Part("training", "flamingo", 45, alone=True),
    Part("training", "clip", 45, alone=True),
)
