"""From pairs to an order: a model that knows the truth gets it back, whatever the shuffle."""

import itertools

import pytest
import torch

from vlm_lib.evaluation.film_order import before, best_matching, best_order, pairs_right
from vlm_lib.losses.ordering import pair_labels


@pytest.mark.parametrize("time", list(itertools.permutations(range(4)))[::5])
def test_a_matrix_that_knows_gives_the_order_back(time):
    time = torch.tensor([time])
    chance = torch.where(time[0, :, None] < time[0], 0.9, 0.1)
    assert [int(time[0, k]) for k in best_order(chance)] == [0, 1, 2, 3]
    assert pairs_right(chance[None], time).item() == 1.0
    assert pairs_right(1 - chance[None], time).item() == 0.0


def test_lines_and_frames_that_fit_are_matched():
    for places in itertools.permutations(range(4)):
        labels = pair_labels(torch.zeros(1, 4, dtype=torch.long))[0][:, list(places)]
        assert best_matching(4.0 * torch.nn.functional.one_hot(labels, 4).float()) == list(places)


def test_chances_compare_only_before_with_after():
    logits = torch.tensor([9.0, 9.0, 1.0, 0.0]).expand(1, 2, 2, 4)
    torch.testing.assert_close(before(logits), torch.full((1, 2, 2), torch.tensor(1.0).sigmoid().item()))


def test_one_mistake_in_six_pairs_and_undecided_is_wrong():
    time = torch.arange(4)[None]
    chance = torch.where(time[0, :, None] < time[0], 0.9, 0.1)
    chance[0, 1], chance[1, 0] = 0.1, 0.9
    assert pairs_right(chance[None], time).item() == pytest.approx(10 / 12)
    assert pairs_right(torch.full((1, 4, 4), 0.5), time).item() == 0.0
