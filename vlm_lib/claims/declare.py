"""A claim is declared first, measured over seeds second and judged last; nobody types a verdict.

Chapters: every one; the scoreboard page lists what they recorded.
"""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from vlm_lib.claims.results import Verdict, require_id, require_texts, six_digits
from vlm_lib.claims.seeds import seeds as measured_seeds
from vlm_lib.claims.words import chance

MIN_SEEDS = 3


@dataclass
class _Measurements:
    declared_at: float = field(default_factory=time.perf_counter)
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    judged: bool = False


@dataclass(frozen=True)
class Claim:
    """A hypothesis with its metric and threshold, declared before anything is measured.

    The effect of a seed is `treatment - control`, or `control - treatment` where lower is better (a loss), so
    a positive effect always speaks for the hypothesis. `threshold` is in the unit of `metric` and says how large
    the effect must be to matter: the claim `holds` if every seed's effect is above it, `fails` if every seed's
    effect is at or below it, and is `inconclusive` if the seeds disagree. Zero asks for any gain at all; a
    negative threshold asks for "not worse by more than that". Baselines (image-blind, shuffled images, majority
    answer) do not enter the effect; they are measured over the same seeds and shown beside it.

    `says` puts the effect into a reader's words: "saves {effect} ms", "{effect} more of the words right". {effect}
    is filled in without a sign; a negative effect is said with `says_if_negative`, or plainly.

    The dataclass is frozen: the declaration cannot change once measurements exist. Raises `ValueError` for an id
    that is not of the form C07 or Q07, an empty text, a threshold that is not finite, arms that share a name, or a
    phrase without {effect}.
    """

    id: str
    hypothesis: str
    metric: str
    threshold: float
    baselines: tuple[str, ...] = ()
    treatment: str = "treatment"
    control: str = "control"
    higher_is_better: bool = True
    chapter: str = field(kw_only=True)
    says: str | None = field(kw_only=True, default=None)
    says_if_negative: str | None = field(kw_only=True, default=None)
    _measured: _Measurements = field(default_factory=_Measurements, init=False, repr=False, compare=False)

    def __post_init__(self):
        require_id(self.id, "CQ")
        require_texts(hypothesis=self.hypothesis, metric=self.metric, chapter=self.chapter)
        if isinstance(self.baselines, str):
            raise ValueError(f"baselines is the string {self.baselines!r}, expected a tuple of arm names")
        object.__setattr__(self, "baselines", tuple(self.baselines))
        if not math.isfinite(self.threshold):
            raise ValueError(f"threshold is {self.threshold}, expected a finite number in the metric's unit")
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms are {self.arms}, expected treatment, control and baselines to differ in name")
        for name in ("says", "says_if_negative"):
            phrase = getattr(self, name)
            if phrase is not None and re.findall(r"{[^}]*}", phrase) != ["{effect}"]:
                raise ValueError(f"{name} is {phrase!r}, expected a phrase with {{effect}} in it once")

    @property
    def arms(self) -> tuple[str, ...]:
        """Every declared arm: treatment, control, then the baselines."""
        return (self.treatment, self.control, *self.baselines)

    def measure(self, arms: Mapping[str, Callable[[int], float]], seeds: Sequence[int] | None = None) -> Verdict:
        """Measure every arm, each a function of the seed, on the same seeds (by default `claims.seeds()`); judge.

        Raises `ValueError` before anything is measured if an arm is missing or undeclared or the seeds are fewer
        than three, and for whatever `record` refuses.
        """
        if set(arms) != set(self.arms):
            raise ValueError(f"arms are {sorted(arms)}, expected the declared ones: {sorted(self.arms)}")
        seeds = measured_seeds() if seeds is None else tuple(seeds)
        if len(set(seeds)) < MIN_SEEDS:
            raise ValueError(f"seeds are {list(seeds)}, expected at least {MIN_SEEDS} different ones")
        from vlm_lib.training.progress import progress  # here, so that reading records does not load torch

        title = f"{self.id}, {len(self.arms)} arms, {len(seeds)} seeds"
        for seed, arm in progress([(seed, arm) for seed in seeds for arm in self.arms], title):
            self.record(arm, seed, arms[arm](seed))
        return self.verdict()

    def record(self, arm: str, seed: int, value: float) -> None:
        """Store one measurement, to six significant digits. Repeating the same one is harmless.

        Raises `ValueError` for an undeclared arm, a value that is not finite, another value for the same arm and
        seed, or anything new once the verdict has been drawn (no adding of seeds until it comes out right).
        """
        if arm not in self.arms:
            raise ValueError(f"arm is {arm!r}, expected one of the declared arms {list(self.arms)}")
        if isinstance(seed, bool) or int(seed) != seed:
            raise ValueError(f"seed is {seed!r}, expected an integer")
        if not math.isfinite(float(value)):
            raise ValueError(f"value of arm {arm!r}, seed {seed} is {float(value)}, expected a finite number")
        stored, value = self._measured.values.setdefault(arm, {}), six_digits(float(value))
        if stored.get(int(seed)) == value:
            return
        if int(seed) in stored:
            raise ValueError(
                f"arm {arm!r}, seed {seed} was measured as {stored[int(seed)]} and now as {value}: "
                "declare the claim anew to measure again"
            )
        if self._measured.judged:
            raise ValueError(
                f"{self.id} has its verdict: declare the claim anew to measure arm {arm!r}, seed {seed}"
            )
        stored[int(seed)] = value

    def verdict(self, *, seconds: float | None = None, device: object = None) -> Verdict:
        """Judge the measurements. `seconds` defaults to the time since the declaration.

        Raises `ValueError` if an arm has fewer than three seeds (or none), or other seeds than the treatment.
        """
        values = self._measured.values
        seeds = sorted(values.get(self.treatment, {}))
        for arm in self.arms:
            measured = sorted(values.get(arm, {}))
            if len(measured) < MIN_SEEDS:
                raise ValueError(f"arm {arm!r} has {len(measured)} seeds, expected at least {MIN_SEEDS}")
            if measured != seeds:
                raise ValueError(f"arm {arm!r} has seeds {measured}, expected those of the treatment: {seeds}")
        self._measured.judged = True
        arms = {arm: [values[arm][seed] for seed in seeds] for arm in self.arms}
        sign = 1 if self.higher_is_better else -1
        pairs = zip(arms[self.treatment], arms[self.control], strict=True)
        effects = [six_digits(sign * (treated - control)) for treated, control in pairs]
        return Verdict(
            id=self.id,
            chapter=self.chapter,
            verdict=judge(effects, self.threshold),
            hypothesis=self.hypothesis,
            metric=self.metric,
            higher_is_better=self.higher_is_better,
            threshold=float(self.threshold),
            treatment=self.treatment,
            control=self.control,
            baselines=list(self.baselines),
            seeds=seeds,
            arms=arms,
            effects=effects,
            effect=six_digits(fmean(effects)),
            spread=six_digits(stdev(effects)),
            chance=chance(len(seeds)),
            says=self.says,
            says_if_negative=self.says_if_negative,
            seconds=round(time.perf_counter() - self._measured.declared_at if seconds is None else seconds),
            device=_device_name() if device is None else str(device),
        )


def judge(effects: list[float], threshold: float) -> str:
    """`holds`, `fails` or `inconclusive`: all seeds above the threshold, none, or some."""
    above = [effect > threshold for effect in effects]
    if all(above):
        return "holds"
    return "inconclusive" if any(above) else "fails"


def _device_name() -> str:
    import torch  # here, so that reading records does not load torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
