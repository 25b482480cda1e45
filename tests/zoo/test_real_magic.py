"""The recorded run of SmolLM2 under CLIP's guidance: complete, and its choices follow from its recorded terms."""

import numpy as np
import pytest

from vlm_lib.data import openmoji
from vlm_lib.zoo.packages import WeightsUnavailable
from vlm_lib.zoo.real_magic import RealMagicRecipe, real_magic

RECIPE = RealMagicRecipe()


@pytest.fixture(scope="module")
def run():
    try:
        return real_magic()
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))


def test_every_way_says_something_of_every_held_out_drawing(run):
    assert len(run.rows) == RECIPE.drawings
    assert set(run.rows) <= set(openmoji.load().held_out.tolist())
    for way, said in run.said.items():
        assert len(said) == (1 if way in ("greedy", "beam", "contrastive") else len(run.rows))
    assert len(set(run.said["scale 30"])) > len(run.rows) / 4


def test_no_name_of_a_measured_drawing_stands_in_the_prompt(run):
    names = openmoji.load().names
    shown = run.prompt.splitlines()[1:-1]
    assert len(shown) == RECIPE.names
    assert not {f"- {names[row]}" for row in run.rows} & set(shown)


def test_every_recorded_choice_has_the_largest_sum(run):
    assert len(run.steps) == RECIPE.shown
    for step in (step for text in run.steps for step in text):
        p, penalty, cosine = (np.array(step[term]) for term in ("confidence", "penalty", "cosine"))
        powers = np.exp(RECIPE.scale * cosine)
        score = (1 - RECIPE.alpha) * p - RECIPE.alpha * penalty + RECIPE.beta * powers / powers.sum()
        assert score[step["chosen"]] == pytest.approx(score.max(), abs=1e-3)  # terms are kept to five digits
        assert (np.diff(p) <= 0).all()
        assert (np.abs(penalty) <= 1).all()


def test_long_texts_were_written_both_ways(run):
    assert (
        len(run.loops["opening"]) == len(run.loops["greedy"]) == len(run.loops["contrastive"]) == RECIPE.openings
    )
    assert run.loops["greedy"] != run.loops["contrastive"]
