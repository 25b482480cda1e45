"""The kept VC-GPTs see their pictures; the frozen one left the language model alone, the other one did not."""

import pytest
import torch

from vlm_lib.zoo.caption_world import caption_world
from vlm_lib.zoo.ensemble_captioners import ensemble_captioner


@pytest.fixture(scope="module")
def world():
    return caption_world()


@pytest.mark.parametrize("tune_lm", [False, True])
@torch.no_grad()
def test_it_sees_its_own_picture(world, tune_lm):
    model, test = ensemble_captioner(tune_lm=tune_lm), world.captioned(128, 11)
    tokens, targets = world.tokens(test), model.targets(test.captions)
    assert model.loss(tokens, targets) < model.loss(tokens.roll(1, dims=0), targets) - 0.3
    assert not any(p.requires_grad for p in model.parameters())


@torch.no_grad()
def test_only_the_frozen_one_left_the_language_model_as_it_was(world):
    probe = torch.tensor([world.tokenizer("<bos> a small red ring").input_ids])
    expected = world.lm(input_ids=probe).logits
    for tune_lm in (False, True):
        got = ensemble_captioner(tune_lm=tune_lm).language_model()(input_ids=probe).logits
        assert torch.equal(got, expected) is not tune_lm
