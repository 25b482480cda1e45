"""The toy world of the fusion chapters: what it is made of, and that it is the same each time."""

import pytest
import torch

from vlm_lib import zoo
from vlm_lib.evaluation.pages import text_nats
from vlm_lib.zoo.page_world import KINDS


@pytest.fixture(scope="module")
def world():
    torch.manual_seed(3)
    made = zoo.page_world()
    made_after = torch.rand(1).item()
    torch.manual_seed(3)
    assert torch.rand(1).item() == made_after  # building it leaves the reader's random state alone
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_pages_hold_what_the_tower_sees_in_their_pictures(world, kind):
    pages = world.pages(3, 5, kind=kind)
    images = pages.documents.images
    assert pages.features.shape[:2] == images.shape[:2]
    torch.testing.assert_close(pages.features[1], world.clip.image_tokens(images[1]))


def test_options_replace_those_of_the_kind(world):
    assert world.pages(3, 5, images_per_document=8).documents.images.shape[1] == 8
    with pytest.raises(ValueError, match="kind: got 'web'"):
        world.pages(3, 5, kind="web")


def test_the_language_model_knows_captions_better_than_guessing_and_is_frozen(world):
    pages = world.pages(32, 71)
    alone = text_nats(lambda ids, _: world.lm(ids).logits, pages)
    assert (
        alone < 1.0
    )  # nats; guessing among all words costs 4.7, among 8 colours and 6 shapes at 2 of 5 tokens 0.8
    assert not any(p.requires_grad for p in world.lm.parameters())


def test_equal_seeds_give_equal_models_that_start_as_the_language_model(world):
    first, again, other = world.flamingo(1), world.flamingo(1), world.flamingo(2)
    assert torch.equal(first.resampler.latents, again.resampler.latents)
    assert not torch.equal(first.resampler.latents, other.resampler.latents)
    pages = world.pages(2, 5)
    ids = pages.documents.input_ids
    assert torch.equal(first(ids, pages.features), world.lm(ids).logits)
