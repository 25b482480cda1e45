"""Which words are masked: the budget, the odds, the spans, and what stands in their place."""

import pytest
import torch

from vlm_lib.data.attended_words import choose_words, draw_weights, replace_words


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_attended_fifth_weighs_four_times_the_rest_and_marks_nothing():
    received = torch.arange(10.0)[None]
    maskable = torch.ones(1, 10, dtype=torch.bool)
    maskable[0, 9] = False  # the most attended of all, but a mark
    assert draw_weights(received, maskable)[0].tolist() == [1, 1, 1, 1, 1, 1, 1, 4, 4, 0]


def test_each_row_spends_its_budget_and_never_on_marks():
    torch.manual_seed(0)
    maskable = torch.rand(50, 30) > 0.3
    chosen = choose_words(draw_weights(torch.rand(50, 30), maskable), generator())
    assert (chosen.sum(dim=1) == 6).all()
    assert not (chosen & ~maskable).any()


def test_half_of_the_first_draws_fall_on_the_attended_fifth():
    received = torch.arange(20.0).expand(4000, -1)
    weights = draw_weights(received, torch.ones(4000, 20, dtype=torch.bool))
    drawn = choose_words(weights, generator(), rate=0.05)  # a budget of one: the draw itself, or its neighbour
    share = drawn[:, 16:].float().sum() / drawn.sum()
    assert 0.45 < share < 0.55


def test_chosen_words_stand_together_more_often_than_single_draws_would():
    weights = torch.ones(500, 40)
    chosen = choose_words(weights, generator())
    beside = (chosen[:, 1:] & chosen[:, :-1]).float().sum() / chosen.sum()
    assert beside > 0.3  # 8 of 40 places at random: 0.2 x 39 / 40


def test_eight_in_ten_become_the_mask_and_unchosen_words_stay():
    ids = torch.full((100, 40), 7)
    chosen = torch.rand(100, 40, generator=generator()) < 0.5
    read = replace_words(ids, chosen, generator(1), mask_id=1, first_word=2, vocabulary=50)
    assert torch.equal(read[~chosen], ids[~chosen])
    assert (read[chosen] == 1).float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert (read[chosen] == 7).float().mean().item() == pytest.approx(0.1, abs=0.03)
    assert read.min() >= 1


def test_too_few_words_are_refused():
    with pytest.raises(ValueError, match="weights"):
        choose_words(torch.zeros(1, 10), generator())
