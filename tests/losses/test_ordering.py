"""The ordering loss against a matrix written by hand and against a loop over pairs."""

import math

import pytest
import torch
import torch.nn.functional as F

from vlm_lib.losses.ordering import ordering_loss, pair_labels, pair_weights


def test_labels_of_one_video_and_of_two_joined():
    one = pair_labels(torch.tensor([[7, 7, 7, 7]]))[0]
    assert one.tolist() == [[1, 2, 2, 2], [3, 1, 2, 2], [3, 3, 1, 2], [3, 3, 3, 1]]
    two = pair_labels(torch.tensor([[0, 0, 1, 1]]))[0]
    assert two.tolist() == [[1, 2, 0, 0], [3, 1, 0, 0], [0, 0, 1, 2], [0, 0, 3, 1]]


def test_a_pair_is_easy_only_if_both_frames_stand_in_their_places():
    weights = pair_weights(torch.tensor([[False, True, False]]))[0]
    expected = torch.tensor([[0.01, 1.0, 0.01], [1.0, 1.0, 1.0], [0.01, 1.0, 0.01]])
    torch.testing.assert_close(weights, expected)


def test_loss_equals_a_loop_over_pairs_and_is_not_divided_by_the_weights():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 3, 4), pair_labels(torch.zeros(2, 3, dtype=torch.long))
    weights = pair_weights(torch.tensor([[True, True, False], [False, False, False]]))
    total = 0.0
    for b in range(2):
        for i in range(3):
            for j in range(3):
                total += float(weights[b, i, j] * F.cross_entropy(logits[b, i, j][None], labels[b, i, j][None]))
    assert float(ordering_loss(logits, labels, weights)) == pytest.approx(total / 18, rel=1e-5)
    assert float(ordering_loss(logits * 0, labels, 0 * weights + 0.01)) == pytest.approx(
        0.01 * math.log(4), rel=1e-5
    )


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="shuffled"):
        pair_weights(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="videos"):
        pair_labels(torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="labels"):
        ordering_loss(torch.zeros(1, 3, 3, 4), torch.zeros(1, 2, 2, dtype=torch.long), torch.ones(1, 3, 3))
