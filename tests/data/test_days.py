"""Days: colours are keys, clips show what the attributes say, a routine repeats its objects and not its pixels."""

import numpy as np
import pytest
import torch

from vlm_lib.data.attributes import COLOURS
from vlm_lib.data.days import days
from vlm_lib.data.sprites import PALETTE


def test_no_two_moments_of_a_day_share_a_colour():
    made = days(20, 3, moments=8)
    assert all(sorted(day) == sorted(COLOURS) for day in made.colours)
    assert len({tuple(day) for day in made.colours}) > 1
    assert len({shape for day in made.shapes for shape in day}) == 6


def test_every_frame_shows_the_objects_colour_in_another_cell():
    made = days(6, 0, moments=3)
    assert made.frames.shape == (6, 3, 4, 3, 64, 64)
    for day, colours in zip(made.frames, made.colours, strict=True):
        for clip, colour in zip(day, colours, strict=True):
            paint = torch.tensor(PALETTE[colour]).view(3, 1, 1)
            near = (clip.int() - paint).abs().amax(dim=1) <= 12
            cells = near.unflatten(2, (2, 32)).unflatten(1, (2, 32)).sum(dim=(2, 4)).flatten(1)
            assert sorted(cells.argmax(dim=1).tolist()) == [0, 1, 2, 3]
            assert (cells.sort(dim=1).values[:, :3] <= 2).all()


def test_a_routine_repeats_its_objects_filmed_anew():
    made = days(5, 1, moments=7, period=3)
    assert np.array_equal(made.attributes[:, 3:], made.attributes[:, :-3])
    assert all(len(set(day[:3])) == 3 for day in made.colours)
    assert not torch.equal(made.frames[:, 0], made.frames[:, 3])


def test_equal_seeds_give_equal_days_and_others_do_not():
    one, same, other = days(2, 4), days(2, 4), days(2, 5)
    assert torch.equal(one.frames, same.frames)
    assert not np.array_equal(one.attributes, other.attributes)


@pytest.mark.parametrize(
    ("options", "name"),
    [({"n": 0}, "n"), ({"moments": 0}, "moments"), ({"moments": 9}, "moments"), ({"period": 0}, "period"),
     ({"moments": 12, "period": 9}, "period"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_bad_input_is_named(options, name):
    with pytest.raises(ValueError, match=name):
        days(**({"n": 2, "seed": 0} | options))
