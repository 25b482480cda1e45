"""SimVLM: who sees whom, and where one decoder and an encoder with a decoder must agree."""

import pytest
import torch
from torch import nn

from vlm_lib.models.simvlm import Embedder, EncoderDecoder, PrefixLM

PATCHES = 4


def build(kind, words=9):
    torch.manual_seed(0)
    embed = Embedder(nn.Linear(6, 16), 20, 16, image_tokens=PATCHES, words=words)
    model = kind(embed)
    for parameter in model.parameters():  # far from its start: an untrained model hardly depends on anything
        nn.init.normal_(parameter, std=0.4)
    return model.eval()


@pytest.fixture(params=[PrefixLM, EncoderDecoder], ids=lambda kind: kind.__name__)
def model(request):
    return build(request.param)


IMAGES = torch.randn(2, PATCHES, 6, generator=torch.Generator().manual_seed(1))
IDS = torch.randint(20, (2, 9), generator=torch.Generator().manual_seed(2))
PREFIX = torch.tensor([PATCHES + 3, PATCHES + 6])


def changed(ids, row, at):
    other = ids.clone()
    other[row, at] = (other[row, at] + 1) % 20
    return other


@torch.no_grad()
def moved(model, row, at):
    """From which words on the prediction changes when word `at` of a row does, within the suffix."""
    before, after = (model(IMAGES, ids, PREFIX)[row] for ids in (IDS, changed(IDS, row, at)))
    return ((before - after).abs().amax(dim=1) > 1e-5).tolist()


@pytest.mark.parametrize(("row", "last"), [(0, 2), (1, 5)])
def test_every_word_of_the_prefix_moves_every_prediction(model, row, last):
    for at in range(last + 1):
        assert all(moved(model, row, at)[last:])


@pytest.mark.parametrize(("row", "last"), [(0, 2), (1, 5)])
def test_a_word_after_the_prefix_moves_nothing_before_it(model, row, last):
    for at in range(last + 1, 9):
        assert moved(model, row, at)[last:] == [False] * (at - last) + [True] * (9 - at)


def test_the_image_moves_every_prediction(model):
    with torch.no_grad():
        shift = model(IMAGES, IDS, PREFIX) - model(IMAGES.flip(0), IDS, PREFIX)
    assert (shift[0, 2:].abs().amax(dim=1) > 1e-4).all()


def test_in_one_decoder_the_prefix_sees_itself_both_ways_and_only_then():
    model = build(PrefixLM)
    assert all(moved(model, 1, 5))  # a word at the prefix's end moves what stands before it
    with torch.no_grad():
        plain, other = (model(IMAGES, ids, torch.zeros(2, dtype=torch.long)) for ids in (IDS, changed(IDS, 1, 5)))
    assert torch.equal(plain[1, :5], other[1, :5])


@pytest.mark.parametrize("kept", [1, 4, 8])
def test_reading_a_prefix_first_and_going_on_later_is_the_masked_decoder(kept):
    """The decoder with a prefix mask is an encoder and a decoder that share their weights."""
    model = build(PrefixLM)
    with torch.no_grad():
        whole = model(IMAGES, IDS, torch.full((2,), PATCHES + kept))
        later = model.go_on(model.remember(IMAGES, IDS[:, :kept]), IDS[:, kept:], kept)
    torch.testing.assert_close(later, whole[:, kept:], atol=1e-5, rtol=1e-5)


def test_what_is_remembered_is_what_a_bidirectional_encoder_says():
    model = build(PrefixLM)
    with torch.no_grad():
        x = model.embed(IMAGES, IDS[:, :4])
        inputs = model.remember(IMAGES, IDS[:, :4])
        last = model.stack.norm(model.stack.blocks[-1](inputs[-1], None))
        torch.testing.assert_close(last, model.stack(x, None))


def test_each_prefix_of_a_batch_is_as_if_it_were_alone(model):
    with torch.no_grad():
        together = model(IMAGES, IDS, PREFIX)
        for row in range(2):
            alone = model(IMAGES[row : row + 1], IDS[row : row + 1], PREFIX[row : row + 1])
            last = int(PREFIX[row]) - PATCHES - 1
            torch.testing.assert_close(together[row, last:], alone[0, last:], atol=1e-5, rtol=1e-5)


def test_text_alone_needs_no_image(model):
    assert model(None, IDS, PREFIX - PATCHES).shape == (2, 9, 20)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="ids: got 10 words, expected at most 9"):
        build(PrefixLM)(IMAGES, torch.zeros(2, 10, dtype=torch.long), PREFIX)
    with pytest.raises(ValueError, match="prefix_len holds"):
        build(EncoderDecoder)(IMAGES, IDS, torch.tensor([PATCHES, PATCHES + 1]))
