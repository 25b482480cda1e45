"""Seeds: what is drawn repeats, streams do not overlap, and the global generators are given back."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from vlm_lib.training import fit
from vlm_lib.training.seeds import random_state_kept, seed_everything, step_generator, step_seed, stream


def draw():
    return random.random(), np.random.rand(), torch.rand(3).tolist()


def test_seed_everything_repeats_all_generators():
    first = seed_everything(5), draw()
    again = seed_everything(5), draw()
    assert first[1] == again[1]
    assert torch.rand(3, generator=first[0]).tolist() == torch.rand(3, generator=again[0]).tolist()


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_numpys_integers_are_seeds_like_any_other(kind):
    numbers = []
    for seed in (5, kind(5)):
        seed_everything(seed)
        numbers.append((draw(), stream(seed, "a").random(), step_seed(seed, kind(2))))
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("seed", [True, -1, 2**32, 0.5, "0", None, np.float64(1)])
def test_other_seeds_are_refused(seed):
    for use in (seed_everything, lambda seed: stream(seed, "a"), lambda seed: step_generator(seed, 0)):
        with pytest.raises(ValueError, match="seed: got"):
            use(seed)


def test_a_step_is_an_int_from_zero_on():
    with pytest.raises(ValueError, match="step: got -1"):
        step_generator(0, -1)


def test_no_two_steps_share_their_draws():
    """Neighbouring seeds and steps, and those that a sum `seed * 100_000 + step` takes for the same."""
    pairs = [(seed, step) for seed in range(4) for step in (0, 1, 2, 100_000, 200_000)]
    rows = {tuple(torch.randint(1000, (8,), generator=step_generator(*pair)).tolist()) for pair in pairs}
    assert len(rows) == len(pairs)
    assert torch.equal(*(torch.randint(1000, (8,), generator=step_generator(3, 7)) for _ in range(2)))


def test_streams_repeat_and_are_independent():
    draws = {tuple(stream(seed, name).integers(1000, size=8)) for seed in (0, 1) for name in ("a", "b")}
    assert len(draws) == 4
    assert stream(0, "a").random() == stream(0, "a").random()


@pytest.mark.parametrize("how", ["with", "decorator", "error"])
def test_the_global_generators_are_given_back(how):
    seed_everything(5)
    expected = draw()
    seed_everything(5)
    if how == "with":
        with random_state_kept():
            seed_everything(6)
    elif how == "decorator":
        random_state_kept()(seed_everything)(6)
    else:
        with pytest.raises(ValueError, match="seed: got -1"):
            random_state_kept()(lambda: (draw(), seed_everything(-1)))()
    assert draw() == expected


def test_training_gives_them_back():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    seed_everything(5)
    expected = draw()
    seed_everything(5)
    fit(model, lambda step: torch.rand(4, 2), lambda m, x: m(x).square().mean(), steps=3, lr=1e-3)
    assert draw() == expected
