"""Vector quantisation: against plain distances, a public implementation, and the derivatives of its formula."""

from types import SimpleNamespace

import pytest
import torch
from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAEVectorQuantizer

from vlm_lib.models.vq import VQVAE, VectorQuantizer, nearest, straight_through


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_nearest_is_the_smallest_distance():
    vectors, codebook = 3 * torch.randn(2, 50, 4), torch.randn(20, 4) * torch.linspace(0.1, 4, 20)[:, None]
    assert torch.equal(nearest(vectors, codebook), torch.cdist(vectors, codebook[None]).argmin(dim=-1))


def test_straight_through_gives_the_code_and_passes_the_gradient():
    vectors = torch.randn(3, 4, requires_grad=True)
    quantised = torch.randn(3, 4, requires_grad=True)
    out = straight_through(vectors, quantised)
    torch.testing.assert_close(out, quantised)
    weight = torch.randn(3, 4)
    (out * weight).sum().backward()
    assert torch.equal(vectors.grad, weight)
    assert quantised.grad is None


def test_each_term_of_the_loss_moves_its_own_side():
    """d/dz of beta |z - e|^2 and d/de of |z - e|^2, means over all numbers; idle codes get nothing."""
    quantizer = VectorQuantizer(8, 3, commitment=0.3)
    vectors = torch.randn(5, 3, requires_grad=True)
    _, codes, loss = quantizer(vectors)
    loss.backward()
    difference = (vectors - quantizer.codebook[codes]).detach()
    torch.testing.assert_close(vectors.grad, 0.3 * 2 * difference / 15)
    expected = torch.zeros(8, 3).index_add_(0, codes, -2 * difference / 15)
    torch.testing.assert_close(quantizer.codebook.grad, expected)


@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_parity_with_chameleon(beta):
    """Codes, vectors and loss agree. Chameleon's beta weighs the other term: gradients agree where beta is 1."""
    theirs = ChameleonVQVAEVectorQuantizer(SimpleNamespace(num_embeddings=32, embed_dim=6, beta=beta))
    ours = VectorQuantizer(32, 6, commitment=beta)
    with torch.no_grad():
        theirs.embedding.weight.copy_(ours.codebook)
    grid = torch.randn(2, 6, 4, 4, requires_grad=True)
    row = grid.detach().flatten(2).transpose(1, 2).requires_grad_()
    their_vectors, their_loss, their_codes = theirs(grid)
    our_vectors, our_codes, our_loss = ours(row)
    assert torch.equal(our_codes.flatten(), their_codes)
    torch.testing.assert_close(our_vectors.transpose(1, 2).unflatten(2, (4, 4)), their_vectors)
    torch.testing.assert_close(our_loss, their_loss)
    our_loss.backward()
    their_loss.backward()
    torch.testing.assert_close(row.grad.transpose(1, 2).unflatten(2, (4, 4)), beta * grid.grad)
    torch.testing.assert_close(ours.codebook.grad, theirs.embedding.weight.grad / beta)


def test_kmeans_finds_clusters_that_are_there():
    centres = torch.tensor([[0.0, 0], [10, 0], [0, 10]])
    vectors = centres.repeat(30, 1) + 0.1 * torch.randn(90, 2)
    quantizer = VectorQuantizer(3, 2)
    quantizer.start_from(vectors, rounds=20)
    assert torch.cdist(quantizer.codebook.detach(), centres).min(dim=0).values.max() < 0.2


def test_decode_of_encode_is_the_reconstruction_and_codes_lie_row_by_row():
    model = VQVAE(16, 8, image_size=16, width=8, code_dim=4)
    images = torch.randn(3, 3, 16, 16)
    reconstruction, codes, _ = model(images)
    assert codes.shape == (3, 16)
    torch.testing.assert_close(model.decode(model.encode(images)), reconstruction)
    far = images.clone()
    far[:, :, :4, :4] += 5  # the first patch: only places beside it may notice, through the 3 x 3 convolution
    moved = (model.to_vectors(far) - model.to_vectors(images)).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.view(4, 4).nonzero().max() == 1


@pytest.mark.parametrize("tokens", [15, 9, 0])
def test_a_grid_that_does_not_fit_is_refused(tokens):
    with pytest.raises(ValueError, match="tokens: got"):
        VQVAE(tokens, 8)


def test_other_refusals():
    with pytest.raises(ValueError, match="vectors: got 2"):
        VectorQuantizer(3, 2).start_from(torch.randn(2, 2))
    with pytest.raises(ValueError, match="codes: got 1"):
        VectorQuantizer(1, 2)
    with pytest.raises(ValueError, match="images has shape"):
        VQVAE(16, 8).encode(torch.randn(1, 3, 16, 16))
