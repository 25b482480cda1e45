"""Masked words of a kind: which are asked, and what share of them a reader of known skill gets right."""

import pytest
import torch

from vlm_lib.data.attributes import COLOURS
from vlm_lib.data.captioned_regions import bert_tokenizer, captioned_regions
from vlm_lib.evaluation.masked_words import KINDS, asked, masked_accuracy, masked_right


@pytest.fixture(scope="module")
def data():
    return captioned_regions(400, 2)


def says(words):
    """A reader that says, for each row, the given word everywhere."""

    def read(data):
        ids = torch.tensor(bert_tokenizer().convert_tokens_to_ids(words(data)))
        return torch.nn.functional.one_hot(ids, len(bert_tokenizer())).float()[:, None].expand(-1, 19, -1)

    return read


@pytest.mark.parametrize("kind", list(KINDS))
def test_one_word_of_the_kind_is_masked_per_caption(data, kind):
    question = asked(data, kind)
    assert len(question) == 400
    hidden = question.labels[question.labels >= 0]
    assert len(hidden) == 400
    assert set(bert_tokenizer().convert_ids_to_tokens(hidden.tolist())) == set(KINDS[kind])
    if kind != "side":  # both objects are asked for
        assert len(set((question.labels >= 0).long().argmax(dim=1).tolist())) > 1


def test_accuracy_of_readers_whose_skill_is_known(data):
    truth = says(lambda d: bert_tokenizer().convert_ids_to_tokens(d.labels.max(dim=1).values.tolist()))
    left = says(lambda d: ["left"] * len(d))
    assert masked_accuracy(truth, data, "colour") == 1.0
    assert masked_accuracy(left, data, "colour") == 0.0
    sides = [" left " in text for text in bert_tokenizer().batch_decode(data.input_ids)]
    assert masked_accuracy(left, data, "side") == pytest.approx(sum(sides) / 400)
    red = masked_right(says(lambda d: ["red"] * len(d)), asked(data, "colour"))
    assert red.float().mean() == pytest.approx(1 / len(COLOURS), abs=0.05)


def test_an_unknown_kind_is_refused(data):
    with pytest.raises(ValueError, match="^kind: got 'place', expected one of"):
        asked(data, "place")
