"""The parts of the check, most valuable first, and the seconds each may take."""

from typing import NamedTuple


class Part(NamedTuple):
    """A module of this package yields the findings of `run(subject, device)`; parts that take no times run at once."""

    module: str
    subject: str
    seconds: int
    alone: bool

    @property
    def name(self) -> str:
        return f"{self.module} {self.subject}"


PARTS = (
    *(Part("parity", f"attention {dtype}", 150, alone=False) for dtype in ("float32", "bfloat16", "float16")),
    Part("parity", "losses", 150, alone=False),
    Part("parity", "pooling", 100, alone=False),
    Part("parity", "compiled", 180, alone=False),
    Part("ranks", "one rank", 100, alone=False),
    Part("speed", "attention", 170, alone=True),
    Part("speed", "contrastive", 70, alone=True),
    Part("speed", "pooling", 45, alone=True),
    Part("training", "flamingo", 45, alone=True),
    Part("training", "clip", 45, alone=True),
)
