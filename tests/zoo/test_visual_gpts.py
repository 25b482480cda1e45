"""The zoo's VisualGPTs: who gets which captions, and that a trained one looks at its picture."""

import pytest
import torch

from vlm_lib.training.weights import state_digest
from vlm_lib.zoo.caption_world import caption_world
from vlm_lib.zoo.visual_gpts import ALL, UPDATES, given, nats, shown, untrained, visual_gpt


def test_a_seed_with_more_captions_has_the_same_ones_and_others():
    few, more, other = given(0, 16), given(0, 160), given(1, 16)
    assert few == more[:16]
    assert len(set(more)) == 160
    assert set(more) <= set(range(ALL))
    assert set(few) != set(other)


def test_an_untrained_one_holds_the_worlds_language_model_and_its_seed_decides_the_rest():
    world = caption_world()
    first, again, other = (untrained(seed=seed, fusion="srau") for seed in (0, 0, 1))
    assert state_digest(first.state_dict()) == state_digest(again.state_dict()) != state_digest(other.state_dict())
    ids = torch.randint(len(world.tokenizer), (2, 6))
    torch.testing.assert_close(other(None, ids), world.lm(input_ids=ids).logits, atol=1e-4, rtol=1e-4)


def test_a_trained_one_looks_and_beats_the_language_model_alone():
    test, model = shown(128, 11), visual_gpt(seed=0, fusion="srau", captions=160, lr=3e-3)
    with torch.no_grad():
        alone = model.loss(None, model.targets(test.captions)).item()
    assert nats(model, test) < nats(model, test, shift=1) - 0.1
    assert nats(model, test) < alone
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_another_number_of_captions_is_refused():
    with pytest.raises(ValueError, match="captions: got 17"):
        visual_gpt(seed=0, fusion="srau", captions=17, lr=1e-3)
    assert list(UPDATES) == sorted(UPDATES)
