"""What is given and what is predicted under the three objectives."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vlm_lib.training import prefix_lm
from vlm_lib.training.prefix_lm import IGNORED, batch_of, corrupt, draw_prefix, objective

SENTINELS = (100, 101, 102, 103)
TEXTS = [[1, 5, 6, 7, 2], [1, 8, 9, 2]]
PAD = 0


def test_each_word_after_the_prefix_is_a_target_once_and_padding_never():
    batch = batch_of(torch.zeros(2, 4, 3), TEXTS, [2, 1], image_tokens=4, pad=PAD)
    assert batch.ids.tolist() == [[1, 5, 6, 7, 2], [1, 8, 9, 2, PAD]]
    assert batch.prefix_len.tolist() == [6, 5]
    assert batch.labels.tolist() == [[IGNORED, 6, 7, 2, IGNORED], [8, 9, 2, IGNORED, IGNORED]]


def test_the_causal_model_has_the_same_targets_and_no_prefix():
    pair = [objective(name, None, TEXTS, np.random.default_rng(3), image_tokens=4, pad=PAD)
            for name in ("prefix LM", "causal LM")]  # fmt: skip
    assert torch.equal(pair[0].labels, pair[1].labels)
    assert torch.equal(pair[0].ids, pair[1].ids)
    assert (pair[0].prefix_len > 0).all()
    assert not pair[1].prefix_len.any()


def test_prefixes_are_drawn_for_each_example_and_reach_from_bos_to_all_but_one():
    rng = np.random.default_rng(0)
    drawn = [draw_prefix(6, rng) for _ in range(500)]
    assert set(drawn) == {1, 2, 3, 4, 5}
    assert np.bincount(drawn)[1:] == pytest.approx(np.full(5, 100), abs=35)


@given(st.integers(2, 20), st.integers(0, 2**31), st.data())
def test_corruption_loses_nothing_and_moves_as_many_words_as_asked_for(words, seed, data):
    targets = data.draw(st.integers(1, words - 1))
    text = [1, *range(10, 10 + words - 1)]
    sequence, given_ = corrupt(text, targets, np.random.default_rng(seed), SENTINELS)
    kept, moved = sequence[:given_], sequence[given_:]
    used = [t for t in kept if t in SENTINELS]
    assert used == list(SENTINELS[: len(used)]) == [t for t in moved if t in SENTINELS]
    assert len([t for t in moved if t not in SENTINELS]) == targets
    assert moved[0] == SENTINELS[0]
    spans, current = {}, None
    for token in moved:
        if token in SENTINELS:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    restored = [t for token in kept for t in spans.get(token, [token])]
    assert restored == text
    assert all(not (a in SENTINELS and b in SENTINELS) for a, b in zip(kept, kept[1:], strict=False))


@given(st.integers(0, 2**31))
def test_every_objective_predicts_equally_many_words(seed):
    counts = []
    for name in prefix_lm.OBJECTIVES:
        rng = np.random.default_rng(seed)
        batch = objective(name, None, TEXTS, rng, image_tokens=0, pad=PAD, sentinels=SENTINELS)
        counts.append((batch.labels != IGNORED).sum(dim=1).tolist())
        assert not torch.isin(batch.labels, torch.tensor(SENTINELS)).any()
    assert counts[0] == counts[1] == counts[2]


def test_the_loss_is_the_mean_of_what_is_predicted():
    batch = batch_of(None, TEXTS, [2, 1], image_tokens=4, pad=PAD)
    logits = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    rows = enumerate(batch.labels.tolist())
    places = [(i, t, label) for i, row in rows for t, label in enumerate(row) if label >= 0]
    expected = [-logits[i, t].log_softmax(0)[label].item() for i, t, label in places]
    got = prefix_lm.loss(lambda images, ids, prefix_len: logits, batch)
    assert got.item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="kept: got 5 of 5"):
        batch_of(None, TEXTS[:1], [5], image_tokens=4, pad=PAD)
    with pytest.raises(ValueError, match="targets: got 5, expected 1 to 4"):
        corrupt(TEXTS[0], 5, np.random.default_rng(0), SENTINELS)
    with pytest.raises(ValueError, match="name"):
        objective("BERT", None, TEXTS, np.random.default_rng(0), image_tokens=4, pad=PAD)
