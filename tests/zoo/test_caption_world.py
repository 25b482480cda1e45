"""The captioners' toy world: what it holds, and that captioners of the zoo see and forget."""

import pytest
import torch

from vlm_lib.data import scenes
from vlm_lib.zoo.caption_world import caption_world
from vlm_lib.zoo.prefix_captioners import nats, prefix_captioner


@pytest.fixture(scope="module")
def world():
    return caption_world()


def test_features_are_the_towers_vectors_brought_to_one_scale(world):
    shown = world.captioned(300, 7)
    assert shown.captions == scenes.captions(shown.scenes)
    seen = world.clip.encode_image(shown.images[:2])
    expected = (seen - world.standardize.mean) / world.standardize.std
    torch.testing.assert_close(shown.features[:2], expected)
    assert shown.features.std().item() == pytest.approx(1.0, abs=0.1)
    assert world.tokens(shown).shape == (300, 16, world.clip.vision_width)


def test_the_language_model_answers_from_the_text_and_is_frozen(world):
    quality = world.text_quality(world.lm)
    assert quality["answers"] > quality["answers (no caption)"] + 0.2
    assert not any(p.requires_grad for p in world.lm.parameters())


def test_a_trained_captioner_sees_and_one_of_wrong_pairs_does_not(world):
    test = world.captioned(256, 11)
    right = prefix_captioner(seed=0, length=4, tune_lm=False)
    wrong = prefix_captioner(seed=0, length=16, tune_lm=False, wrong_pairs=True)
    assert nats(right, test) < nats(wrong, test) - 0.2
    assert world.text_quality(right.lm) == world.text_quality(world.lm)


def test_a_tuned_captioner_forgets_and_leaves_the_world_alone(world):
    before = world.text_quality(world.lm)
    tuned = prefix_captioner(seed=0, length=4, tune_lm=True)
    assert world.text_quality(tuned.lm)["answers"] < before["answers"] - 0.2
    assert world.text_quality(world.lm) == before
