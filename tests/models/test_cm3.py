"""Causally masked documents: what must hold for every document and every choice of spans."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lib.data.hypertext import Marks
from vlm_lib.models import cm3

MARKS = Marks(sentinels=(100, 101, 102, 103), end=200, start=201, pad=202)
TOKENS = st.lists(st.integers(0, 20), min_size=2, max_size=25)


@st.composite
def documents(draw):
    """A document, repeated tokens included, and up to four disjoint spans, which may touch or stand at an end."""
    document = draw(TOKENS)
    cuts = sorted(draw(st.sets(st.integers(0, len(document)), max_size=8)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    return document, spans


@given(documents())
def test_nothing_is_lost_and_each_sentinel_stands_there_twice(drawn):
    document, spans = drawn
    masked = cm3.mask_spans(document, spans, MARKS)
    assert sorted(t for t in masked if t < 100) == sorted(document)
    counts = [masked.count(s) for s in MARKS.sentinels]
    assert counts == [2] * len(spans) + [0] * (4 - len(spans))
    assert masked.count(MARKS.end) == 1
    assert masked[-1] == MARKS.end


@given(documents())
def test_the_inverse_restores_the_document(drawn):
    document, spans = drawn
    assert cm3.unmask(cm3.mask_spans(document, spans, MARKS), MARKS) == document


@given(documents())
def test_the_loss_counts_every_token_once_and_the_end_and_no_sentinel(drawn):
    document, spans = drawn
    _, labels = cm3.batch_of([document], [spans], MARKS)
    counted = [t for t in labels[0].tolist() if t != cm3.IGNORED]
    assert sorted(counted) == sorted([*document, MARKS.end])


@given(documents(), TOKENS)
def test_a_sentinel_does_not_leak_what_or_how_much_was_cut_out(drawn, other):
    """Up to the moment of filling, a document with another content of its first gap looks the same."""
    document, spans = drawn
    if spans:
        (start, end), *later = spans
        longer = len(other) - (end - start)
        changed = [*document[:start], *other, *document[end:]]
        moved = [(start, start + len(other)), *((a + longer, b + longer) for a, b in later)]
        assert cm3.prompt(changed, moved, MARKS) == cm3.prompt(document, spans, MARKS)


@given(documents())
def test_a_prompt_is_the_masked_document_up_to_the_first_gap_to_fill(drawn):
    document, spans = drawn
    if spans:
        asked, masked = cm3.prompt(document, spans, MARKS), cm3.mask_spans(document, spans, MARKS)
        start, end = spans[0]
        assert [MARKS.start, *masked][: len(asked)] == asked
        assert [MARKS.start, *masked][len(asked) : len(asked) + end - start] == document[start:end]


@settings(max_examples=50)
@given(st.integers(4, 40), st.integers(0, 2**31), st.sampled_from([(0, 4), (1, 4), (0, 0), (2, 3)]))
def test_drawn_spans_are_in_order_disjoint_and_as_many_as_asked_for(length, seed, bounds):
    least, most = bounds
    spans = cm3.draw_spans(length, np.random.default_rng(seed), least=least, most=most)
    assert least <= len(spans) <= most
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= length for start, end in spans)


def test_statistics_of_the_sampler():
    """Poisson(1) clamped to at least 1: n = 1 in 2/e of the draws, mean 1 + 1/e; a single span covers 1/3."""
    rng = np.random.default_rng(0)
    drawn = [cm3.draw_spans(300, rng) for _ in range(4000)]
    numbers = np.array([len(spans) for spans in drawn])
    assert (numbers == 1).mean() == pytest.approx(2 / np.e, abs=0.03)
    assert numbers.mean() == pytest.approx(1 + 1 / np.e, abs=0.05)
    single = [end - start for spans in drawn if len(spans) == 1 for start, end in spans]
    assert np.mean(single) / 300 == pytest.approx(1 / 3, abs=0.02)


def test_the_paper_example_by_hand():
    masked = cm3.mask_spans(range(10), [(2, 4), (6, 9)], MARKS)
    assert masked == [0, 1, 100, 4, 5, 101, 9, 100, 2, 3, 101, 6, 7, 8, 200]


def test_rows_of_a_batch_are_padded_on_the_right_and_padding_does_not_count():
    ids, labels = cm3.batch_of([[1, 2, 3], [4, 5]], [[(0, 1)], []], MARKS)
    assert ids.tolist() == [[201, 100, 2, 3, 100, 1, 200], [201, 4, 5, 200, 202, 202, 202]]
    ignored = cm3.IGNORED
    assert labels.tolist() == [
        [ignored, ignored, 2, 3, ignored, 1, 200],
        [ignored, 4, 5, 200, ignored, ignored, ignored],
    ]


def test_the_loss_is_the_mean_over_what_counts():
    batch = cm3.batch_of([[1, 2, 3], [4, 5]], [[(0, 1)], []], MARKS)
    model = cm3.language_model(210, MARKS, 0, positions=12, width=16, layers=1, heads=2).eval()
    logits = model(input_ids=batch[0]).logits.log_softmax(-1)
    by_hand = [-logits[0, t, batch[0][0, t + 1]] for t in (1, 2, 4, 5)]
    by_hand += [-logits[1, t, batch[0][1, t + 1]] for t in (0, 1, 2)]
    torch.testing.assert_close(cm3.loss(model, batch), torch.stack(by_hand).mean())


@pytest.mark.parametrize(
    ("document", "spans", "words"),
    [
        ([1, 2, 3], [(1, 1)], "spans: got"),
        ([1, 2, 3], [(2, 4)], "spans: got"),
        ([1, 2, 3], [(1, 3), (0, 1)], "spans: got"),
        ([1, 2, 3], [(0, 2), (1, 3)], "spans: got"),
        (list(range(10)), [(i, i + 1) for i in range(0, 10, 2)], "at most 4"),
        ([1, 100], [(0, 1)], "document: it holds 100"),
        ([1, 200], [(0, 1)], "document: it holds 200"),
    ],
)
def test_mask_spans_refuses(document, spans, words):
    with pytest.raises(ValueError, match=words):
        cm3.mask_spans(document, spans, MARKS)


@pytest.mark.parametrize("masked", [[1, 2], [1, 100, 2, 200], []])
def test_unmask_refuses_what_is_no_masked_document(masked):
    with pytest.raises(ValueError, match="masked: got"):
        cm3.unmask(masked, MARKS)


def test_other_refusals():
    with pytest.raises(ValueError, match="spans is empty"):
        cm3.prompt([1, 2], [], MARKS)
    with pytest.raises(ValueError, match="least: got 3"):
        cm3.draw_spans(9, np.random.default_rng(0), least=3, most=2)
    with pytest.raises(ValueError, match="length: got 1"):
        cm3.draw_spans(1, np.random.default_rng(0), least=2, most=2)
