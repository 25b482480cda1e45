"""Arms of an experiment, trained once and shared by several claims, each at the learning rate that suits it.

One rate for all arms compares settings, not arms. So every arm's rate is chosen from the same short list, by a
validation loss on spare seeds that are not measured, before any measured seed is trained. Chapters: every one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vlm_lib.claims import rates
from vlm_lib.claims.rates import Choice
from vlm_lib.claims.seeds import seeds as measured_seeds
from vlm_lib.claims.seeds import spare_seeds


class Arms:
    """`runs[arm, seed]` is what `train(seed=seed, lr=..., **options)` returned, trained when first asked for.

    arms: the options of each arm by its name, {"last image": {}, "image-blind": {"blind": True}}.
    lrs: the learning rates to try, the same for every arm; a single one is used as it is.
    validate: validate(run, **options) -> loss, lower is better, on data that no claim is judged by. An arm takes
        the rate with the lowest mean over the spare seeds. Runs that diverge (FloatingPointError) have lost.
    seeds, spare: the measured seeds and those to choose on; default `claims.seeds()` and `claims.spare_seeds()`.

    As the last line of a cell, it shows the rates tried so far. Raises `ValueError` for no arm or rate, a rate
    that is not positive, options named seed or lr, seeds that are measured and spare at once, or, when an arm is
    asked for, if it diverged at every rate.
    """

    def __init__(
        self,
        train: Callable[..., Any],
        arms: Mapping[str, Mapping[str, Any]],
        *,
        lrs: Sequence[float],
        validate: Callable[..., float],
        seeds: Sequence[int] | None = None,
        spare: Sequence[int] | None = None,
    ):
        self.train, self.validate = train, validate
        self.lrs = tuple(sorted(set(lrs)))
        self.seeds = measured_seeds() if seeds is None else tuple(seeds)
        self.spare = spare_seeds() if spare is None else tuple(spare)
        if not self.lrs or not all(0 < lr < math.inf for lr in self.lrs):
            raise ValueError(f"lrs are {list(lrs)}, expected at least one positive learning rate")
        if not self.spare or set(self.seeds) & set(self.spare):
            raise ValueError(f"spare is {list(self.spare)}, expected seeds that are not among {list(self.seeds)}")
        self.options: dict[str, dict[str, Any]] = {}
        self.choices: dict[str, Choice] = {}
        self._runs: dict[tuple[str, int], Any] = {}
        self.add(arms)

    def add(self, arms: Mapping[str, Mapping[str, Any]]) -> "Arms":
        """More arms under the same rules. An arm that is there already may come again, with the same options."""
        if not arms:
            raise ValueError("arms is empty, expected the options of at least one arm by its name")
        for arm, options in arms.items():
            if reserved := {"seed", "lr"} & set(options):
                raise ValueError(
                    f"arm {arm!r} has the option {min(reserved)!r}, which is chosen for all arms alike"
                )
            if self.options.get(arm, options) != options:
                raise ValueError(f"arm {arm!r} is there with the options {self.options[arm]}, now with {options}")
        self.options |= {arm: dict(options) for arm, options in arms.items()}
        return self

    def __getitem__(self, key: tuple[str, int]) -> Any:
        arm, seed = key
        if arm not in self.options:
            raise ValueError(f"arm is {arm!r}, expected one of {list(self.options)}")
        if seed not in self.seeds:
            raise ValueError(f"seed is {seed!r}, expected one of the measured seeds {list(self.seeds)}")
        if key not in self._runs:
            self._runs[key] = self.train(seed=seed, lr=self._choose(arm), **self.options[arm])
        return self._runs[key]

    @property
    def lr(self) -> dict[str, float]:
        """The learning rate of every arm; those not chosen yet are chosen now."""
        return {arm: self._choose(arm) for arm in self.options}

    def fit_all(self) -> "Arms":
        """Choose every rate and train every arm on every measured seed now, behind one line of progress."""
        from vlm_lib.training.progress import progress  # here, so that reading records does not load torch

        work = [(arm, seed) for arm in self.options for seed in self.seeds]
        for key in progress(work, f"{len(self.options)} arms, {len(self.seeds)} seeds"):
            self[key]
        return self

    def __str__(self) -> str:
        return rates.as_text(self)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": rates.as_text(self), "text/html": rates.as_html(self)}

    def _choose(self, arm: str) -> float:
        if len(self.lrs) == 1:
            return self.lrs[0]  # nothing to choose
        if arm not in self.choices:
            choice = Choice({lr: [self._loss(arm, lr, seed) for seed in self.spare] for lr in self.lrs})
            if not math.isfinite(choice.means[choice.lr]):
                raise ValueError(
                    f"arm {arm!r} diverged at every rate of {list(self.lrs)}, expected one that trains"
                )
            self.choices[arm] = choice
        return self.choices[arm].lr

    def _loss(self, arm: str, lr: float, seed: int) -> float:
        options = self.options[arm]
        try:
            run = self.train(seed=seed, lr=lr, **options)
        except FloatingPointError:  # `training.fit` says so of a run that diverged: a result, shown on the card
            return math.inf
        loss = float(self.validate(run, **options))
        return math.inf if math.isnan(loss) else loss
