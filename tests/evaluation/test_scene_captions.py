"""Captions judged by the scenes themselves."""

import pytest

from vlm_lib.data import scenes
from vlm_lib.evaluation.scene_captions import exactly_right, objects_named


def test_the_true_caption_names_all_and_another_scenes_does_not():
    shown = scenes.generate(30, 5, objects=2)
    truth = scenes.captions(shown)
    assert objects_named(truth, shown) == [1.0] * 30
    assert all(exactly_right(truth, shown))
    rolled = truth[1:] + truth[:1]
    assert sum(objects_named(rolled, shown)) / 30 < 0.2
    assert not any(exactly_right(rolled, shown))


def test_half_of_two_objects_and_order_does_not_matter():
    shown = scenes.generate(10, 6, objects=2)
    firsts = [caption.split(" ")[1:4] for caption in scenes.captions(shown)]
    assert objects_named([" ".join(words) for words in firsts], shown) == [0.5] * 10
    assert objects_named(scenes.swapped_captions(shown), shown) == [1.0] * 10
    assert not any(exactly_right(scenes.swapped_captions(shown), shown))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="said"):
        objects_named(["a"], scenes.generate(2, 0))
    with pytest.raises(ValueError, match="said"):
        exactly_right(["a"], scenes.generate(2, 0))
