"""`Claim.measure`: one function of the seed for every declared arm, all over the same seeds."""

import pytest

from vlm_lib.claims import Claim


def declared(**changes):
    fields = {"hypothesis": "Last image wins", "metric": "accuracy", "threshold": 0.05, "treatment": "last"}
    fields |= {"control": "all", "baselines": ("blind",), "chapter": "34_flamingo"}
    return Claim("C17", **(fields | changes))


def test_every_arm_is_measured_on_every_seed_and_judged(monkeypatch):
    monkeypatch.setenv("VLM_SEEDS_FROM", "10")
    arms = {"all": lambda seed: 0.5, "last": lambda seed: 0.5 + seed / 100, "blind": lambda seed: 0.1}
    verdict = declared().measure(arms)
    assert verdict.seeds == [10, 11, 12, 13, 14]
    assert verdict.arms == {"last": [0.6, 0.61, 0.62, 0.63, 0.64], "all": [0.5] * 5, "blind": [0.1] * 5}
    assert verdict.verdict == "holds"
    assert verdict.chance == "1 in 32"


def test_three_chosen_seeds_are_enough_and_agree_by_chance_one_time_in_eight():
    verdict = declared().measure(dict.fromkeys(("last", "all", "blind"), lambda seed: 0.5), seeds=(4, 9, 2))
    assert verdict.seeds == [2, 4, 9]
    assert verdict.verdict == "fails"
    assert verdict.chance == "1 in 8"


@pytest.mark.parametrize(
    ("arms", "seeds", "message"),
    [
        (("last", "all"), None, r"arms are \['all', 'last'\], expected the declared ones"),
        (("last", "all", "blind", "loud"), None, "expected the declared ones"),
        (("last", "all", "blind"), (0, 1), r"seeds are \[0, 1\], expected at least 3"),
        (("last", "all", "blind"), (0, 1, 1), "expected at least 3 different ones"),
    ],
)
def test_what_cannot_end_in_a_verdict_is_refused_before_anything_is_measured(arms, seeds, message):
    measured = []
    with pytest.raises(ValueError, match=message):
        declared().measure(dict.fromkeys(arms, measured.append), seeds)
    assert measured == []


def test_a_cell_that_runs_twice_measures_the_same_and_a_changed_one_is_refused():
    claim, arms = declared(), dict.fromkeys(("last", "all", "blind"), lambda seed: 0.5)
    assert claim.measure(arms).effects == claim.measure(arms).effects
    with pytest.raises(ValueError, match="declare the claim anew"):
        claim.measure(arms | {"last": lambda seed: 0.6})


@pytest.mark.parametrize(
    "phrase", ["saves time", "saves {effects} ms", "{effect} of {effect}", "{effect:.2f} ms", ""]
)
def test_a_phrase_without_the_effect_is_refused(phrase):
    for name in ("says", "says_if_negative"):
        with pytest.raises(ValueError, match=f"{name} is .*effect"):
            declared(**{name: phrase})
