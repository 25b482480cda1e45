"""Masking as BERT does it: how often, what stands there instead, and what is asked."""

import pytest
import torch

from vlm_lib.data.captioned_regions import bert_tokenizer, captioned_regions
from vlm_lib.data.masked_words import mask_words

MASK, VOCAB = 1, 1000


def masked(rate=0.3, n=4000, maskable=None):
    ids = torch.randint(100, VOCAB, (n, 12))
    maskable = torch.ones_like(ids, dtype=torch.bool) if maskable is None else maskable
    how = {"rate": rate, "mask_id": MASK, "vocab_size": VOCAB, "generator": torch.Generator().manual_seed(0)}
    return ids, *mask_words(ids, maskable, **how)


def test_shares_are_those_of_bert():
    ids, read, labels = masked()
    chosen = labels != -100
    assert chosen.float().mean() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(read[~chosen], ids[~chosen])
    assert (read[chosen] == MASK).float().mean() == pytest.approx(0.8, abs=0.02)
    assert (read[chosen] == ids[chosen]).float().mean() == pytest.approx(0.1, abs=0.01)
    replaced = read[chosen & (read != MASK) & (read != ids)]
    assert replaced.float().mean() == pytest.approx(VOCAB / 2, rel=0.05)  # any word of the vocabulary


def test_only_maskable_words_are_chosen():
    maskable = torch.rand(4000, 12) < 0.5
    ids, read, labels = masked(maskable=maskable)
    assert (labels[~maskable] == -100).all()
    assert torch.equal(read[~maskable], ids[~maskable])


def test_a_batch_always_has_something_to_predict():
    for _ in range(30):
        _, _, labels = masked(rate=1e-6, n=2)
        assert (labels != -100).sum() == 1


@pytest.mark.parametrize("rate", [0, -0.1, 1.2])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match="^rate: got .*, expected a share"):
        masked(rate=rate, n=2)


def test_nothing_maskable_is_refused():
    with pytest.raises(ValueError, match="^maskable holds no True"):
        masked(n=2, maskable=torch.zeros(2, 12, dtype=torch.bool))


def test_captions_keep_their_frame_and_one_word_can_be_masked_alone():
    data, tokenizer = captioned_regions(50, 1), bert_tokenizer()
    read = data.masked(1.0, torch.Generator().manual_seed(0))
    frame = ~data.is_word
    assert torch.equal(read.input_ids[frame], data.input_ids[frame])
    assert (read.labels[frame] == -100).all()
    assert torch.equal(read.labels[data.is_word], data.input_ids[data.is_word])
    one = data.masked_at(torch.full((50,), 3))
    assert (one.input_ids[:, 3] == tokenizer.mask_token_id).all()
    assert torch.equal(one.labels[:, 3], data.input_ids[:, 3])
    assert ((one.labels != -100).sum(dim=1) == 1).all()
    assert torch.equal(one.input_ids[:, 4:], data.input_ids[:, 4:])
