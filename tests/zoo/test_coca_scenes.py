"""CoCa's world and what is measured in it, by models whose answers are known."""

import numpy as np
import pytest
import torch

from vlm_lib.data import naming, scenes
from vlm_lib.zoo import coca_scenes
from vlm_lib.zoo.coca_scenes import Part


@pytest.fixture(scope="module")
def pairs():
    drawn = coca_scenes._distinct(scenes.generate(40, seed=3, objects=2, split="all"), most=12)
    torch.manual_seed(0)
    return Part(drawn, torch.randn(len(drawn), 16, 256))


class Oracle:
    """Knows every caption: features are one-hot by caption, logits are right for its own pictures."""

    def __init__(self, part):
        self.part = part

    def _row(self, grid):
        return [int((self.part.grid == one).all(-1).all(-1).nonzero()) for one in grid]

    def see(self, grid):
        features = torch.eye(len(self.part))[self._row(grid)]
        return type("Seen", (), {"features": features})

    def read(self, ids):
        return type("Read", (), {"features": torch.eye(len(self.part))[: len(ids)]})

    def __call__(self, grid, ids):
        own = self.part.ids[self._row(grid)][:, 1:]
        return None, None, torch.nn.functional.one_hot(own, len(naming.VOCABULARY)).float()


def test_an_oracle_is_right_and_on_exchanged_pictures_it_is_not(pairs):
    oracle = Oracle(pairs)
    assert coca_scenes.retrieval(oracle, pairs) == 1.0
    assert coca_scenes.words_right(oracle, pairs) == 1.0
    own, shown = pairs.ids[:, 1:], pairs.ids.roll(1, dims=0)[:, 1:]
    expected = (own == shown)[naming.is_attribute(own)].float().mean()
    assert coca_scenes.words_right(oracle, pairs, shuffled=True) == pytest.approx(float(expected))


def test_no_two_captions_of_the_pairs_are_alike(pairs):
    assert len({tuple(row) for row in pairs.ids.tolist()}) == len(pairs) == 12


def test_training_lowers_both_losses_and_the_same_seed_gives_the_same_model(pairs):
    from vlm_lib.models.coca import training_loss

    def trained(steps):
        model = coca_scenes.small_coca(0, text_layers=1, image_layers=1)
        coca_scenes.train_coca(model, pairs, seed=0, lr=2e-3, steps=steps)
        return model

    first, again = trained(6), trained(6)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    untrained, batch = coca_scenes.small_coca(0, text_layers=1, image_layers=1), (pairs.grid, pairs.ids)
    for weights in ({"contrast": 0.0}, {"caption": 0.0}):
        assert training_loss(first, batch, **weights) < training_loss(untrained, batch, **weights)


def test_recognition_of_one_model_that_always_says_the_same():
    single = scenes.generate(60, seed=4, objects=1, split="all")
    part = Part(single, torch.zeros(60, 16, 256))

    class Same:
        def see(self, grid):
            return type("Seen", (), {"features": torch.eye(48)[[7] * len(grid)]})

        def read(self, ids):
            return type("Read", (), {"features": torch.eye(48)})

    share = np.mean(naming.object_numbers(single).numpy() == 7)
    assert coca_scenes.recognition(Same(), part) == pytest.approx(share)
