"""Texts judged by the truth: by hand on small scenes, and on the world's own captions."""

import numpy as np
import pytest

from vlm_lib.data import scenes
from vlm_lib.evaluation.diversity import different, repeated
from vlm_lib.evaluation.said_words import attribute_f1, pairs_named, shares_word, well_formed


def one(shape, colour, size):
    cells = np.full((1, 4, 3), -1)
    cells[0, 0] = [scenes.SHAPES.index(shape), scenes.COLOURS.index(colour), scenes.SIZES.index(size)]
    return scenes.render(cells, 0)


@pytest.mark.parametrize(
    ("text", "f1", "pair"),
    [
        ("a large red circle .", 1.0, 1.0),
        ("there is a large red circle .", 1.0, 1.0),
        ("a small red circle .", 2 * 2 / 6, 1.0),
        ("a large red square .", 2 * 2 / 6, 0.0),
        ("a red circle", 2 * 2 / 5, 1.0),
        ("a large red circle left of a small blue ring .", 2 * 3 / 9, 1.0),
        ("red red red", 2 * 1 / 6, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_attribute_words_by_hand(text, f1, pair):
    shown = one("circle", "red", "large")
    assert attribute_f1([text], shown) == [pytest.approx(f1)]
    assert pairs_named([text], shown) == [pair]


def test_the_worlds_own_captions_are_right_and_well_formed():
    shown = scenes.generate(60, 3)
    for seed in (None, 5):
        said = scenes.captions(shown, seed)
        assert all(well_formed(said))
        assert attribute_f1(said, shown) == [1.0] * 60
        assert pairs_named(said, shown) == [1.0] * 60


@pytest.mark.parametrize(
    "text",
    ["a red circle .", "a large red circle", "a large red circle left of .", "red square .", "", "this is . ."],
)
def test_what_the_world_would_not_say_is_not_well_formed(text):
    assert well_formed([text]) == [False]


def test_a_word_is_shared_whole_and_common_ones_do_not_count():
    assert shares_word(["Happy face of", "the cat"], [["face with tears"], ["category", "of the"]]) == [
        True,
        False,
    ]


def test_other_numbers_of_texts_are_refused():
    with pytest.raises(ValueError, match="2 texts for 1 scenes"):
        attribute_f1(["a", "b"], one("ring", "blue", "small"))
    with pytest.raises(ValueError, match="1 for 2 texts"):
        shares_word(["a", "b"], [["a"]])


def test_diversity_by_hand():
    assert different(["a", "b", "a", "a"]) == 0.5
    assert repeated("abcabcabc", 3) == pytest.approx(1 - 3 / 7)
    assert repeated("abcdefg", 3) == repeated("ab", 3) == 0.0
    with pytest.raises(ValueError, match="none"):
        different([])
    with pytest.raises(ValueError, match="n: got 0"):
        repeated("abc", 0)
