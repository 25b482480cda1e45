"""Training a VQ-VAE: what a k-means start is for, and that a run can be repeated."""

import pytest
import torch

from vlm_lib.data import objects
from vlm_lib.evaluation.object_reader import object_reader
from vlm_lib.models.vq import VQVAE
from vlm_lib.training.codes import fit_vqvae
from vlm_lib.training.seeds import seed_everything

PICTURES = objects.generate(256, seed=0)


def trained(**options):
    seed_everything(1)
    model = VQVAE(16, 32, width=16, code_dim=8)
    settings = {"seed": 1, "steps": 40, "lr": 1e-2, "batch": 8} | options
    return fit_vqvae(model, PICTURES.images, **settings)


@pytest.fixture(scope="module")
def model():
    return trained()


@torch.no_grad()
def used(model):
    return len(model.encode(PICTURES.images).unique())


def test_pictures_come_back_better_than_grey(model):
    with torch.no_grad():
        error = (model(PICTURES.images)[0] - PICTURES.images).square().mean()
    assert error < 0.8 * PICTURES.images.var()


def test_a_kmeans_start_uses_more_codes_than_a_random_one(model):
    assert used(model) > 24
    assert used(trained(kmeans=False)) < used(model)


def test_the_same_seed_gives_the_same_model_whatever_was_drawn_before(model):
    torch.randn(7)
    again = trained()
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))


def test_the_reader_reads_pictures_and_not_noise():
    reader = object_reader(objects.generate(1024, seed=2), seed=0, steps=80)
    right = reader.right(PICTURES.images, PICTURES).float().mean(dim=0)
    assert (right > torch.tensor([0.6, 0.9, 0.9])).all()
    noise = reader.right(torch.randn_like(PICTURES.images), PICTURES).float().mean(dim=0)
    assert noise[1] < 0.4
