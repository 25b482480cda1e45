"""The playground's Python half: what stands without scripts, and what it refuses."""

import re

import pytest

from vlm_lib.interactive.caption_scores import caption_scores, matches, score

REFERENCES = ["A red circle.", "a circle, red and small"]
OTHERS = [["a blue star"], ["a green ring", "one ring"]]


def test_static_picture_holds_candidate_references_and_scores():
    html = caption_scores("a red red ring", REFERENCES, OTHERS, examples={}).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "<mark>a</mark> <mark>red</mark> red ring" in static
    assert "<li>a circle red and small</li>" in static
    shown = dict(re.findall(r"<th scope=\"row\">([^<]+)</th><td>([\d.]+)", static))
    assert list(shown) == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr", "VQA accuracy"]
    assert shown["BLEU-1"] == "0.500"


def test_matches_count_each_ngram_as_often_as_the_richest_reference():
    assert matches("x a a a", ["a b a", "a"], 1) == [("x", False), ("a", True), ("a", True), ("a", False)]
    assert matches("a b", ["b a"], 2) == [("a b", False)]
    assert matches("a", ["a"], 2) == []


def test_one_reference_is_no_vote_and_one_image_no_corpus():
    scores = score("a red circle", ["a red circle"], [])
    assert "VQA accuracy" not in scores
    assert scores["CIDEr"] == 0
    assert scores["BLEU-3"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("references", "images", "named"),
    [([], None, "references"), ([" . "], None, "references"), (["a"], 4, "images")],
)
def test_refuses(references, images, named):
    with pytest.raises(ValueError, match=named):
        caption_scores("a", references, OTHERS, examples={}, images=images)
