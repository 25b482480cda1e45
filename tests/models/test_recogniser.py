"""A classifier on tokens: what is trained, what stays, and what the mean and the pooler can tell apart."""

import pytest
import torch
from torch import nn

from vlm_lib.models.recogniser import Recogniser
from vlm_lib.training.recognise import fit_classifier, share_right


def data(n=64):
    """One of 8 places holds a mark; its sign is the class, and all other places hold noise."""
    torch.manual_seed(0)
    images, labels = 0.3 * torch.randn(n, 8, 6), torch.randint(2, (n,))
    images[torch.arange(n), torch.randint(8, (n,)), 0] = 6.0
    images[:, :, 1] = (images[:, :, 0] > 5) * (2.0 * labels[:, None] - 1)
    return images, labels


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_encoder_stays_and_another_does_not(frozen):
    torch.manual_seed(1)
    encoder = nn.Linear(6, 6)
    before = encoder.weight.detach().clone()
    images, labels = data()
    fit_classifier(Recogniser(encoder, 6, 2, frozen=frozen), images, labels, seed=0, lr=1e-2, steps=3)
    assert torch.equal(encoder.weight, before) == frozen


def learned(pooling, images, labels):
    torch.manual_seed(1)
    model = Recogniser(nn.Identity(), 6, 2, pooling=pooling)
    return share_right(fit_classifier(model, images, labels, seed=0, lr=5e-2, steps=60), images, labels)


def test_a_query_finds_the_one_place_that_tells_and_the_mean_drowns_it():
    images, labels = data()
    assert learned("attention", images, labels) > 0.9 > learned("mean", images, labels)


def test_the_mean_learns_where_every_place_tells():
    images, labels = data()
    images[:, :, 1] = 2.0 * labels[:, None] - 1
    assert learned("mean", images, labels) > 0.9


def test_share_right_counts():
    model = nn.Linear(2, 2, bias=False)
    nn.init.eye_(model.weight)
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert share_right(model, images, torch.tensor([0, 1, 0, 0])) == 0.75


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match="pooling: got 'max'"):
        Recogniser(nn.Identity(), 6, 2, pooling="max")
