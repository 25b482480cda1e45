"""Films: what every draw must keep to, and what a script means in pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lib.data import films as world
from vlm_lib.data.attributes import COLOURS, HELD_OUT, SHAPES
from vlm_lib.data.films import FILLERS, SCRIPTS, START, STATES, VISUAL, VOCABULARY, films, text_of, without_words


def words(line):
    return [VOCABULARY[i] for i in line.tolist()]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), held_out=st.booleans())
def test_every_line_is_seven_words_that_are_true_of_its_frame(seed, held_out):
    drawn = films(12, seed, held_out=held_out)
    names = list(SCRIPTS)
    for i, t in np.ndindex(12, 4):
        line = words(drawn.ids[i, t])
        assert (len(line), line[0], line.count(START)) == (8, START, 1)
        state = SCRIPTS[names[drawn.scripts[i]]][t]
        assert STATES[drawn.states[i, t]] == state
        true = {COLOURS[drawn.colours[i]], SHAPES[drawn.shapes[i]], state}
        assert {word for word in line if word in VISUAL} <= true
        assert (state in line) == bool(drawn.told[i, t])
        assert ((COLOURS[drawn.colours[i]], SHAPES[drawn.shapes[i]]) in HELD_OUT) == held_out


def test_same_seed_same_films_and_another_seed_others():
    first, again, other = films(4, 5), films(4, 5), films(4, 6)
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.ids, again.ids)
    assert not torch.equal(first.frames, other.frames)


def bright(frame):
    """Pixels that differ from the darkest corner of the frame."""
    return int(((frame.float() - frame[:, :1, :1].float()).abs().amax(dim=0) > 40).sum())


def test_growing_covers_more_of_each_frame_and_shrinking_less():
    for script, sign in (("grows", 1), ("shrinks", -1)):
        drawn = films(20, 1, scripts=[script])
        areas = np.array([[bright(frame) for frame in film] for film in drawn.frames])
        assert (sign * np.diff(areas, axis=1).mean(axis=0) > 0).all()


def test_opposites_show_the_same_states_backwards_and_one_way_scripts_have_no_opposite():
    for first, second in world.OPPOSITES:
        assert SCRIPTS[first] == SCRIPTS[second][::-1]
    rows = [tuple(states) for states in SCRIPTS.values()]
    assert all(SCRIPTS[name][::-1] not in rows for name in world.ONE_WAY)


def test_skew_and_the_number_of_objects_are_kept():
    drawn = films(600, 3, skew=3.0, objects=2)
    share = np.bincount(drawn.scripts, minlength=6) / 600
    assert share[0] + share[2] == pytest.approx(6 / 10, abs=0.07)
    assert len(set(zip(drawn.shapes, drawn.colours, strict=True))) == 2


def test_lines_without_words_say_nothing_and_a_text_leaves_out_its_mark():
    drawn = films(3, 0)
    silent = without_words(drawn.ids, 0)
    assert {word for line in silent.flatten(0, 1) for word in words(line)} <= {START, *FILLERS}
    assert silent.shape == drawn.ids.shape
    assert len(text_of(drawn.ids[0, 0]).split()) == 7


@pytest.mark.parametrize(
    ("bad", "what"),
    [({"n": 0}, "n:"), ({"scripts": ["melts"]}, "scripts"), ({"skew": 0.0}, "skew"), ({"objects": 41}, "objects")],
)
def test_bad_input_is_named(bad, what):
    with pytest.raises(ValueError, match=what):
        films(**{"n": 2, "seed": 0, **bad})
