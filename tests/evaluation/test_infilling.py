"""Gaps of documents: what is asked of the model, against probabilities computed by hand from its logits."""

import pytest
import torch

from vlm_lib.data.hypertext import Marks
from vlm_lib.evaluation import infilling
from vlm_lib.models import cm3

MARKS = Marks(sentinels=(30, 31), end=32, start=33, pad=34)
DOCUMENTS = [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [9, 9, 8, 8, 7]]


@pytest.fixture(scope="module")
def model():
    return cm3.language_model(35, MARKS, 0, positions=20, width=16, layers=1, heads=2).eval()


def log_p(model, ids):
    return model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)


def test_left_to_right_reads_the_whole_document_and_its_end(model):
    nats = infilling.left_to_right_nats(model, DOCUMENTS, MARKS)
    for row, document in zip(nats, DOCUMENTS, strict=True):
        ids = [MARKS.start, *document, MARKS.end]
        expected = [-log_p(model, ids)[t, ids[t + 1]].item() for t in range(6)]
        assert row.tolist() == pytest.approx(expected, rel=1e-4)


def test_infilling_reads_both_sides_first(model):
    nats = infilling.infilling_nats(model, DOCUMENTS, (1, 3), MARKS)
    for row, d in zip(nats, DOCUMENTS, strict=True):
        ids = [MARKS.start, d[0], 30, d[3], d[4], 30, d[1], d[2]]
        assert row.tolist() == pytest.approx([-log_p(model, ids)[t, ids[t + 1]].item() for t in (5, 6)], rel=1e-4)


@pytest.mark.parametrize("at", [0, 2, 4])
def test_three_ways_to_fill_a_word(model, at):
    candidates = [2, 7, 11, 20]
    ways = (infilling.fill_word, infilling.guess_word, infilling.try_words)
    filled, guessed, tried = (way(model, DOCUMENTS, at, candidates, MARKS).tolist() for way in ways)
    for i, d in enumerate(DOCUMENTS):
        asked = log_p(model, [MARKS.start, *d[:at], 30, *d[at + 1 :], 30])[-1]
        left = log_p(model, [MARKS.start, *d[:at]])[-1]
        wholes = []
        for word in candidates:
            ids = [MARKS.start, *d[:at], word, *d[at + 1 :], MARKS.end]
            wholes.append(sum(log_p(model, ids)[t, ids[t + 1]].item() for t in range(len(ids) - 1)))
        assert filled[i] == max(candidates, key=lambda w: asked[w].item())
        assert guessed[i] == max(candidates, key=lambda w: left[w].item())
        assert tried[i] == candidates[wholes.index(max(wholes))]


def test_writing_is_greedy_and_keeps_to_what_is_allowed(model):
    prompts = torch.tensor([[33, 1, 2], [33, 5, 9]])
    free = infilling.write(model, prompts, 4)
    assert free[0, 0] == log_p(model, [33, 1, 2])[-1].argmax()
    assert free[0, 1] == log_p(model, [33, 1, 2, int(free[0, 0])])[-1].argmax()
    allowed = infilling.write(model, prompts, 4, [3, 4])
    assert set(allowed.flatten().tolist()) <= {3, 4}
    assert allowed.shape == (2, 4)
