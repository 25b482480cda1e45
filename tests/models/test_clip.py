"""The small CLIP: what its encoders return and refuse, and how its scale is kept in range."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vlm_lib.data import scenes
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.losses import contrastive_loss
from vlm_lib.models.clip import clamp_logit_scale, small_clip
from vlm_lib.training import fit

CONTEXT = 24


@pytest.fixture
def model():
    return small_clip(world_tokenizer(), width=24, layers=1, text_width=16, dim=8, context=CONTEXT).eval()


def test_features_are_unit_vectors_and_tokens_a_grid(model):
    drawn = scenes.generate(5, 0)
    images, texts = model.encode_image(drawn.images), model.encode_text(scenes.captions(drawn))
    assert images.shape == texts.shape == (5, 8)
    assert torch.allclose(images.norm(dim=1), torch.ones(5), atol=1e-5)
    assert torch.allclose(texts.norm(dim=1), torch.ones(5), atol=1e-5)
    assert model.image_tokens(drawn.images).shape == (5, 16, 24)
    assert model.logit_scale.item() == pytest.approx(1 / 0.07, rel=1e-4)
    assert model.vision_width == 24


def test_a_score_is_the_cosine_of_an_image_and_a_text(model):
    images, texts = scenes.generate(3, 0).images, ["a red circle", "a blue square"]
    image, text = (encode.double() for encode in (model.encode_image(images), model.encode_text(texts)))
    cosines = F.cosine_similarity(image[:, None], text[None], dim=-1)
    torch.testing.assert_close(model.score(images, texts).double(), cosines, atol=1e-6, rtol=0)


def test_tokens_are_those_that_open_clip_pools_over(model):
    images = scenes.generate(3, 0).images
    model.clip.visual.output_tokens = True
    _, expected = model.clip.visual(scenes.as_float(images))
    assert torch.allclose(model.image_tokens(images), expected, atol=1e-6)
    assert torch.allclose(model.vision(scenes.as_float(images)), expected, atol=1e-6)


def test_a_text_is_read_at_its_end_and_padding_is_not(model):
    ids = model.tokenize(["a red circle .", "a red circle left of a small blue star ."])
    eos, pad = model.tokenizer.eos_token_id, model.tokenizer.pad_token_id
    assert ids.shape == (2, CONTEXT)
    assert (ids == eos).sum(dim=1).tolist() == [1, 1]
    assert ids[0, 4] == eos
    features = model.clip.encode_text(ids)
    assert torch.allclose(features, model.clip.encode_text(ids.masked_fill(ids == pad, 77)), atol=1e-6)
    changed = ids.clone()
    changed[:, 0] = 77
    assert not torch.allclose(features, model.clip.encode_text(changed), atol=1e-3)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 64, 64, dtype=torch.uint8),
        torch.zeros(0, 3, 64, 64, dtype=torch.uint8),
        torch.zeros(2, 3, 32, 64, dtype=torch.uint8),
        torch.zeros(2, 1, 64, 64),
        torch.zeros(2, 3, 64, 64, dtype=torch.int64),
    ],
)
def test_bad_images(model, images):
    for encode in (model.encode_image, model.image_tokens):
        with pytest.raises(ValueError, match="^images: got"):
            encode(images)


def test_bad_texts(model):
    for texts in ([], "a red circle ."):
        with pytest.raises(ValueError, match="^texts: got"):
            model.encode_text(texts)
    with pytest.raises(ValueError, match="'red red .* is too long, expected at most 23 words"):
        model.encode_text(["red", "red " * 24])
    assert model.encode_text(["red " * 23]).shape == (1, 8)


def test_the_scale_is_read_as_it_is(model):
    """A clamp in the forward pass would have gradient 0 at 101, for good."""
    torch.nn.init.constant_(model.clip.logit_scale, math.log(101))
    model.logit_scale.backward()
    assert model.logit_scale.item() == pytest.approx(101)
    assert model.clip.logit_scale.grad.item() == pytest.approx(101)


def scales_of(begin, cosine, steps):
    """The scale after each update on four pairs, where a pair has this cosine and a rival 0.5."""
    angles = torch.full((4, 4), 0.5).fill_diagonal_(cosine)
    images, texts = torch.eye(4), nn.functional.normalize(angles, dim=1)
    model = nn.ParameterDict({"t": nn.Parameter(torch.tensor(math.log(begin)))})
    scales = []

    def after_step(model):
        clamp_logit_scale(model["t"])
        scales.append(model["t"].exp().item())

    fit(
        model,
        lambda step: (images, texts),
        lambda model, batch: contrastive_loss(*batch, model["t"].exp()),
        steps=steps,
        lr=0.05,
        schedule="constant",
        after_step=after_step,
    )
    return scales


def test_the_scale_grows_to_100_and_no_further():
    scales = scales_of(90.0, 0.51, 20)
    assert scales[0] > 90
    assert scales[-1] == pytest.approx(100)
    assert max(scales) <= 100 * (1 + 1e-5)


@pytest.mark.parametrize("begin", [101.0, 1000.0])
def test_a_scale_beyond_100_comes_back_at_once_and_then_learns_again(begin):
    """Pairs less alike than rivals: a smaller scale is better, and a gradient of 0 would never find it."""
    scales = scales_of(begin, 0.4, 40)
    assert scales[0] <= 100 * (1 + 1e-5)
    assert scales == sorted(scales, reverse=True)
    assert scales[-1] < 50
