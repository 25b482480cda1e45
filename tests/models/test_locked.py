"""Two locked towers and the map between them, with towers small enough to compute by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from vlm_lib.models.locked import Bridge, LockedClip, Standardized


class _Lookup(nn.Module):
    """Stands in for a text tower: a vector for each known word."""

    def __init__(self, vectors):
        super().__init__()
        self.vectors = vectors

    def forward(self, texts):
        return torch.stack([self.vectors[text] for text in texts])


@pytest.fixture
def model():
    bridge = Bridge(5, 3, dropout=0.5, logit_scale=20.0)
    bridge.set_from(torch.randn(40, 5) * 4 + 2, torch.randn(40, 3) + 1)
    words = _Lookup({word: torch.randn(3) for word in ("red", "blue", "green", "dog")})
    return LockedClip(nn.Flatten(), words, bridge).eval()


def test_scores_are_the_cosines_of_mapped_images_and_centred_texts(model):
    images, texts = torch.randn(6, 5), ["red", "dog", "blue"]
    bridge = model.bridge
    weight, bias, mean, std, text_mean = (
        tensor.detach().numpy()
        for tensor in (
            bridge.linear.weight,
            bridge.linear.bias,
            bridge.standardize.mean,
            bridge.standardize.std,
            bridge.text_mean,
        )
    )
    mapped = ((images.numpy() - mean) / std) @ weight.T + bias
    centred = np.stack([model.text_tower.vectors[text].numpy() - text_mean for text in texts])
    lengths = np.linalg.norm(mapped, axis=1)[:, None] * np.linalg.norm(centred, axis=1)
    assert np.allclose(model.score(images, texts).detach().numpy(), mapped @ centred.T / lengths, atol=1e-5)


def test_vectors_have_length_one_and_the_scale_is_exponentiated(model):
    for vectors in (model.encode_image(torch.randn(4, 5)), model.encode_text(["red", "blue"])):
        assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-6)
    assert model.logit_scale.item() == pytest.approx(20.0)
    assert model.device == torch.device("cpu")


def test_dropout_only_while_training(model):
    images = torch.randn(4, 5)
    assert torch.equal(model.encode_image(images), model.encode_image(images))
    model.train()
    assert not torch.equal(model.encode_image(images), model.encode_image(images))


def test_standardized_examples_have_mean_zero_and_deviation_one():
    examples = torch.randn(500, 4) * torch.tensor([1.0, 5.0, 0.1, 0.0]) + torch.tensor([0.0, 3.0, -2.0, 7.0])
    module = Standardized(4)
    module.set_from(examples)
    out = module(examples)
    assert torch.allclose(out.mean(dim=0), torch.zeros(4), atol=1e-4)
    assert torch.allclose(out.std(dim=0), torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-3)  # a constant stays finite
    assert set(module.state_dict()) == {"mean", "std"}  # kept with the weights
