"""Batches of captions: the same for the same seed, cut to the longest, pairs kept together."""

import pytest
import torch

from vlm_lib.training.captions import caption_batches


@pytest.fixture
def data():
    """Row i has the feature i, and i + 1 tokens, all of them i."""
    targets = torch.full((6, 8), -100)
    for row in range(6):
        targets[row, : row + 1] = row
    return torch.arange(6.0)[:, None], targets


def test_pairs_stay_together_and_are_cut_to_the_longest(data):
    batch = caption_batches(*data, size=4, seed=0)
    for step in range(20):
        features, targets = batch(step)
        assert features.shape == (4, 1)
        assert targets[:, 0].tolist() == features[:, 0].long().tolist()
        assert targets.shape[1] == int(features.max()) + 1


def test_a_seed_and_a_step_decide_the_batch(data):
    one, again, other = (caption_batches(*data, size=6, seed=seed) for seed in (0, 0, 1))
    steps = [one(step)[0].flatten().tolist() for step in range(8)]
    assert steps == [again(step)[0].flatten().tolist() for step in range(8)]
    assert steps != [other(step)[0].flatten().tolist() for step in range(8)]
    assert len({tuple(step) for step in steps}) > 4


def test_bad_input_is_named(data):
    features, targets = data
    with pytest.raises(ValueError, match="targets"):
        caption_batches(features, targets[:3], size=2, seed=0)
    with pytest.raises(ValueError, match="size"):
        caption_batches(features, targets, size=0, seed=0)
