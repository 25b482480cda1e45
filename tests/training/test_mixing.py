"""Mixing datasets: which batches an update sees, at equal updates and at equal examples."""

import pytest
import torch
from torch import nn

from vlm_lib.training import fit, weighted_gradients
from vlm_lib.training.mixing import Mixture


@pytest.fixture
def mixture():
    return Mixture([lambda step: ("a", step), lambda step: ("b", step), lambda step: ("c", step)], (0.2, 1.0, 3.0))


def test_accumulated_takes_one_batch_of_every_dataset(mixture):
    update = mixture.accumulated(4)
    assert update.batches == (("a", 4), ("b", 4), ("c", 4))
    assert update.weights == (0.2, 1.0, 3.0)


def test_round_robin_takes_turns(mixture):
    updates = [mixture.round_robin(step) for step in range(7)]
    assert [u.batches for u in updates[:4]] == [(("a", 0),), (("b", 0),), (("c", 0),), (("a", 1),)]
    assert [u.weights for u in updates[:4]] == [(0.2,), (1.0,), (3.0,), (0.2,)]
    assert updates[6].batches == (("a", 2),)


def _seen(batches, steps):
    return [batch for step in range(steps) for batch in batches(step).batches]


def test_equal_examples_means_the_same_batches(mixture):
    accumulated, updates = mixture.plan("accumulated", 5)
    in_turn, more_updates = mixture.plan("round_robin", 5, equal="examples")
    assert (updates, more_updates) == (5, 15)
    assert sorted(_seen(accumulated, updates)) == sorted(_seen(in_turn, more_updates))


def test_equal_updates_means_fewer_examples(mixture):
    in_turn, updates = mixture.plan("round_robin", 6, equal="updates")
    assert updates == 6
    assert len(_seen(in_turn, updates)) == 6
    assert len(_seen(*mixture.plan("accumulated", 6, equal="updates"))) == 18


def test_a_round_of_turns_sums_to_the_accumulated_gradient():
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(2, 5, 8, 3, generator=generator)
    mixture = Mixture([lambda step: data[0, step], lambda step: data[1, step]], (0.5, 2.0))
    model = nn.Linear(3, 1)

    def gradient(update):
        losses = [lambda batch=batch: model(batch).square().mean() for batch in update.batches]
        weighted_gradients(model, losses, update.weights)
        return model.weight.grad.clone()

    turns = gradient(mixture.round_robin(6)) + gradient(mixture.round_robin(7))
    assert torch.allclose(gradient(mixture.accumulated(3)), turns, atol=1e-6)


@pytest.mark.parametrize("kind", ["accumulated", "round_robin"])
def test_plans_train(kind):
    data = [torch.randn(16, 2), 5 * torch.randn(16, 2)]
    mixture = Mixture([lambda step: data[0], lambda step: data[1]], (1.0, 0.1))
    batches, steps = mixture.plan(kind, 20)
    model = nn.Linear(2, 1)
    history = fit(model, batches, lambda m, x: m(x).square().mean(), steps=steps, lr=0.05)
    assert len(history.loss) == 20
    assert sum(history.loss[-2:]) < sum(history.loss[:2])


@pytest.mark.parametrize(
    ("datasets", "weights"), [(0, ()), (2, (1.0,)), (2, (1.0, 0.0)), (2, (1.0, -1.0)), (2, (1.0, float("nan")))]
)
def test_bad_mixtures(datasets, weights):
    with pytest.raises(ValueError, match="^weights: got"):
        Mixture([lambda step: step] * datasets, weights)


def test_bad_plans(mixture):
    for arguments, message in [
        (("alternating", 3, "updates"), "kind: got 'alternating'"),
        (("round_robin", 3, "tokens"), "equal: got 'tokens'"),
        (("round_robin", 0, "updates"), "updates: got 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            mixture.plan(arguments[0], arguments[1], equal=arguments[2])
