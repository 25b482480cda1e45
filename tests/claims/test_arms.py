"""Every arm gets the learning rate that suits it, chosen before and apart from what is measured."""

import math

import pytest

from vlm_lib.claims import Arms

RATES = (1e-3, 3e-3, 1e-2)


class Experiment:
    """An experiment whose best rate is known: `best` for an arm, on average over the spare seeds, not on each."""

    def __init__(self):
        self.trained = []

    def train(self, seed, lr, best=3e-3):
        self.trained.append((seed, lr, best))
        if lr > 1:
            raise FloatingPointError("training diverged")
        return seed, lr, best

    def validate(self, run, best=3e-3):
        seed, lr, _ = run
        misleading = 10.0 if seed == 7 and lr == best else 0.0  # one spare seed speaks against the best rate
        return abs(math.log(lr / best)) * (20.0 if seed == 8 else 1.0) + misleading

    def arms(self, arms, **changes):
        options = {"lrs": RATES, "validate": self.validate, "seeds": (0, 1, 2), "spare": (7, 8)} | changes
        return Arms(self.train, arms, **options)


TWO = {"plain": {}, "fast": {"best": 1e-2}}


def test_each_arm_takes_the_rate_that_wins_on_average_over_the_spare_seeds():
    assert Experiment().arms(TWO).lr == {"plain": 3e-3, "fast": 1e-2}


def test_a_measured_seed_is_trained_once_and_only_at_the_chosen_rate():
    experiment = Experiment()
    runs = experiment.arms(TWO)
    assert runs["fast", 1] == (1, 1e-2, 1e-2)
    assert runs["fast", 1] is runs["fast", 1]
    runs.fit_all()
    measured = [run for run in experiment.trained if run[0] in (0, 1, 2)]
    assert sorted(measured) == sorted(
        [(seed, lr, best) for seed in (0, 1, 2) for lr, best in ((3e-3, 3e-3), (1e-2, 1e-2))]
    )


def test_the_choice_is_made_before_anything_measured_is_trained_and_only_for_the_arm_asked_for():
    experiment = Experiment()
    assert experiment.arms(TWO)["plain", 0] == (0, 3e-3, 3e-3)
    assert [run[0] for run in experiment.trained] == [7, 8] * 3 + [0]
    assert {best for _, _, best in experiment.trained} == {3e-3}


def test_a_rate_that_diverges_or_gives_nan_has_lost():
    experiment = Experiment()
    runs = experiment.arms({"plain": {}}, lrs=(3e-3, 10.0))
    assert runs.lr == {"plain": 3e-3}
    assert "10: diverged" in str(runs)
    nan_first = experiment.arms({"a": {}}, validate=lambda run: math.nan if run[1] < 1e-2 else 1.0)
    assert nan_first.lr == {"a": 1e-2}


def test_an_arm_that_diverges_at_every_rate_is_reported_by_name():
    with pytest.raises(ValueError, match="arm 'plain' diverged at every rate"):
        Experiment().arms({"plain": {}}, lrs=(5.0, 10.0))["plain", 0]


def test_another_error_in_training_is_not_taken_for_a_bad_rate():
    def broken(seed, lr):
        raise KeyError("a bug")

    runs = Arms(broken, {"a": {}}, lrs=RATES, validate=lambda run: 0.0, seeds=(0, 1, 2), spare=(7,))
    with pytest.raises(KeyError, match="a bug"):
        runs["a", 0]


def test_a_single_rate_needs_no_trial():
    experiment = Experiment()
    runs = experiment.arms(TWO, lrs=(0.5,))
    runs.fit_all()
    assert {seed for seed, _, _ in experiment.trained} == {0, 1, 2}
    assert "One learning rate for every arm: 0.5." in str(runs)


def test_more_arms_can_join_and_the_old_ones_are_not_trained_again():
    experiment = Experiment()
    runs = experiment.arms({"plain": {}}).fit_all()
    before = len(experiment.trained)
    runs.add({"fast": {"best": 1e-2}, "plain": {}}).fit_all()
    assert {best for _, _, best in experiment.trained[before:]} == {1e-2}
    with pytest.raises(ValueError, match="arm 'fast' is there with the options"):
        runs.add({"fast": {"best": 1.0}})


def test_the_card_shows_the_rates_tried_and_marks_a_choice_at_the_end_of_the_list():
    runs = Experiment().arms(TWO)
    assert "Still to be tried: plain, fast." in str(runs)
    bundle = runs.fit_all()._repr_mimebundle_()
    plain, fast = bundle["text/plain"].splitlines()[1:]
    assert plain.split()[:2] == ["plain:", "0.001:"]
    assert "0.003: 5*" in plain  # the mean of 10 on seed 7 and 0 on seed 8
    assert "end of the list" not in plain
    assert "0.01: 5*" in fast
    assert "at the end of the list" in fast
    assert "<strong>0.003: 5</strong>" in bundle["text/html"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lrs": ()}, "lrs are"),
        ({"lrs": (0.0, 1.0)}, "lrs are"),
        ({"spare": (2, 3)}, "spare is .*not among"),
        ({"spare": ()}, "spare is"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Experiment().arms(TWO, **changes)


@pytest.mark.parametrize("arms", [{}, {"a": {"lr": 1.0}}, {"a": {"seed": 1}}])
def test_bad_arms_are_refused(arms):
    with pytest.raises(ValueError, match=r"arms is empty|has the option"):
        Experiment().arms(arms)


@pytest.mark.parametrize("key", [("plane", 0), ("plain", 7), ("plain", 3)])
def test_a_run_that_was_not_declared_is_refused(key):
    with pytest.raises(ValueError, match=r"arm is 'plane'|seed is"):
        Experiment().arms(TWO)[key]
