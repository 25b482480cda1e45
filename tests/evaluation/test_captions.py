"""BLEU, ROUGE-L and CIDEr against the reference program, by hand, and against what must not matter."""

import math

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from vlm_lib.evaluation.captions import bleu, cider, common_subsequence, rouge_l
from vlm_lib.evaluation.ngrams import count_ngrams, tokenize

WORDS = ["a", "the", "red", "blue", "circle", "square", "star", "left", "right", "of", "on", "and", "is", "big"]


def corpus(seed, images, words=WORDS, empty=False):
    rng = np.random.default_rng(seed)
    sentence = lambda least: " ".join(rng.choice(words, size=rng.integers(least, 12)))  # noqa: E731
    candidates = [sentence(0 if empty else 1) for _ in range(images)]
    return candidates, [[sentence(1) for _ in range(rng.integers(1, 6))] for _ in range(images)]


def theirs(metric, candidates, references, **options):
    truth = dict(enumerate(references))
    return metric.compute_score(truth, {i: [text] for i, text in enumerate(candidates)}, **options)


CORPORA = [
    corpus(0, 200),
    corpus(1, 40, WORDS[:4]),
    corpus(2, 60, empty=True),
    corpus(3, 2),
    corpus(4, 1),
    (["x"], [["y"]]),
    ([""], [["y"]]),
]


@pytest.mark.parametrize(("candidates", "references"), CORPORA)
def test_equal_to_the_reference_program(candidates, references):
    ours, (whole, each) = bleu(candidates, references), theirs(Bleu(4), candidates, references, verbose=0)
    np.testing.assert_allclose(ours.corpus, whole, atol=1e-9, rtol=0)
    np.testing.assert_allclose(ours.each.T, each, atol=1e-9, rtol=0)
    np.testing.assert_allclose(
        rouge_l(candidates, references), theirs(Rouge(), candidates, references)[1], atol=1e-9, rtol=0
    )
    np.testing.assert_allclose(
        cider(candidates, references), theirs(Cider(), candidates, references)[1], atol=1e-9, rtol=0
    )


THREE = (
    ["a red red circle", "a blue circle", "a green square"],
    [["a red circle"], ["a blue circle"], ["a red square"]],
)


def test_by_hand_on_three_captions():
    """Words 8 of 10, pairs 4 of 7; the first caption keeps three of its four words in order."""
    assert bleu(*THREE).corpus[:2] == pytest.approx([0.8, math.sqrt(0.8 * 4 / 7)])
    assert rouge_l(*THREE) == pytest.approx([2.44 * 0.75 / (1 + 1.44 * 0.75), 1, 2 / 3])
    # one-word vectors (red 2, circle 1) and (1, 1), both weighted by ln 3/2; clipped product 2
    only_words = cider(*THREE, max_n=1)
    assert only_words[0] == pytest.approx(10 * 2 / math.sqrt(5 * 2) * math.exp(-1 / 72))
    assert only_words[1] == pytest.approx(10)


def test_too_short_a_candidate_is_punished_once():
    assert bleu(["a red"], [["a red circle here"]]).corpus[0] == pytest.approx(math.exp(1 - 2))


def test_the_closest_reference_counts_and_the_shorter_of_two_as_close():
    assert bleu(["a b c"], [["a b", "a b c d"]]).corpus[0] == pytest.approx(1)


def test_order_of_images_and_of_references_does_not_matter():
    candidates, references = CORPORA[0]
    order = np.random.default_rng(5).permutation(len(candidates))
    mixed = [candidates[i] for i in order], [references[i][::-1] for i in order]
    assert bleu(*mixed).corpus == pytest.approx(bleu(candidates, references).corpus)
    for metric in (rouge_l, cider):
        assert metric(*mixed) == pytest.approx(metric(candidates, references)[order])


def test_one_image_has_no_cider_and_a_shuffled_caption_the_same_words():
    text = "a small red circle left of a large blue square"
    assert cider([text], [[text]]).tolist() == [0]
    mixed = " ".join(sorted(text.split()))
    scores = bleu([mixed], [[text]]).corpus
    assert scores[0] == pytest.approx(1)
    assert scores[3] < 1e-3


def test_common_subsequence_of_known_pairs():
    pairs = [("a b c b d a b", "b d c a b a", 4), ("a b", "c d", 0), ("", "a", 0), ("a a a", "a", 1)]
    first, second, expected = zip(*pairs, strict=True)
    got = common_subsequence([text.split() for text in first], [text.split() for text in second])
    assert got.tolist() == list(expected)


def test_ngrams_never_cross_from_one_sentence_to_the_next():
    tables = count_ngrams([["a", "b"], [], ["a"], ["a", "b", "a", "b"]], 3)
    assert [table.grams for table in tables] == [2, 2, 2]
    assert dict(zip(tables[1].sentence.tolist(), tables[1].count.tolist(), strict=False))[0] == 1
    assert tables[2].sentence.tolist() == [3, 3]


def test_tokenize():
    assert tokenize('  A "red" Circle, on a well-lit table!') == "a red circle on a well-lit table"


@pytest.mark.parametrize("metric", [bleu, rouge_l, cider])
@pytest.mark.parametrize(
    ("candidates", "references", "named"),
    [
        ("a red circle", [["a"]], "candidates"),
        ([], [], "candidates"),
        (["a"], [["a"], ["b"]], "references"),
        (["a"], ["a b"], "references: image 0"),
        (["a", "b"], [["a"], []], "references: image 1"),
        (["a"], [[" "]], "references: image 0"),
    ],
)
def test_bad_input(metric, candidates, references, named):
    with pytest.raises(ValueError, match=named):
        metric(candidates, references)
