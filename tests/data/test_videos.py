"""Clips: motion, narration and attributes must agree, and neither words nor pictures alone may tell the order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lib.data.attributes import COLOURS, HELD_OUT, SHAPES
from vlm_lib.data.sprites import BACKGROUND, NOISE
from vlm_lib.data.videos import DIRECTIONS, MARGIN, PLACES, videos

SEEDS = st.integers(0, 2**32 - 1)
quick = settings(max_examples=15, deadline=None)
SKEW = {"right": 4, "left": 1, "down": 4, "up": 1}


def seen_centres(frames):
    """Where the object is, found in the pixels: the middle of the box around all that is not background."""
    picture = frames.float()
    background = picture[..., :2, :].mean(dim=(-2, -1), keepdim=True).median(dim=-3, keepdim=True).values
    lit = (picture - background).abs().amax(dim=-3) > 2 * NOISE + 4
    across, down = lit.any(dim=-2).numpy(), lit.any(dim=-1).numpy()
    box = [(line.argmax(-1) + line.shape[-1] - line[..., ::-1].argmax(-1)) / 2 for line in (across, down)]
    return np.stack(box, axis=-1)


@quick
@given(seed=SEEDS, frames=st.integers(2, 6), split=st.sampled_from(("train", "held_out", "all")))
def test_the_object_moves_the_way_that_is_said(seed, frames, split):
    clips = videos(6, seed, frames=frames, split=split)
    assert clips.frames.shape == (6, frames, 3, 64, 64)
    assert clips.frames.dtype == torch.uint8
    steps = np.diff(clips.centres.astype(int), axis=1)
    for index, direction in enumerate(clips.directions):
        shape, colour, _ = clips.attributes[index]
        name = DIRECTIONS[direction]
        assert clips.narrations[index] == [f"the {COLOURS[colour]} {SHAPES[shape]} moves {name} ."] * frames
        axis, sign = {"right": (0, 1), "left": (0, -1), "down": (1, 1), "up": (1, -1)}[name]
        assert (steps[index, :, axis] * sign > 0).all()
        assert not steps[index, :, 1 - axis].any()
        assert ((COLOURS[colour], SHAPES[shape]) in HELD_OUT) == (split == "held_out") or split == "all"
    assert clips.centres.min() >= MARGIN
    assert clips.centres.max() <= 64 - MARGIN


def test_pixels_show_the_object_where_the_clip_says():
    clips = videos(60, 0)
    # A shape is not always centred in its box (triangle, star), by up to a tenth of its radius
    assert abs(seen_centres(clips.frames) - clips.centres).max() <= 2.5


def test_a_clip_keeps_its_background_and_its_object_stays_whole():
    clips = videos(40, 1)
    corner = clips.frames[:, :, :, :1, :].float().mean(dim=(2, 3, 4))
    assert (corner.max(dim=1).values - corner.min(dim=1).values).max() < 4
    assert corner.min() > BACKGROUND[0] - NOISE
    edge = torch.cat(
        [clips.frames[..., 0, :], clips.frames[..., -1, :], clips.frames[..., :, 0], clips.frames[..., :, -1]], -1
    )
    assert (edge.float() - corner[:, :, None, None]).abs().max() < 2 * NOISE + 4


@quick
@given(seed=SEEDS)
def test_narration_of_places_tells_the_four_frames_apart(seed):
    clips = videos(6, seed, narration="place")
    for story, direction in zip(clips.narrations, clips.directions, strict=True):
        places = [sentence.split(" is ")[1].removesuffix(" .") for sentence in story]
        ordered = list(PLACES[direction // 2])
        assert places == (ordered if DIRECTIONS[direction] in ("right", "down") else ordered[::-1])


def test_frames_alone_do_not_betray_the_direction():
    """A motion and its reverse visit the same places, only in the opposite order."""
    clips = videos(600, 0)
    across = clips.centres[..., 0].astype(float)
    right, left = across[clips.directions == 0], across[clips.directions == 1]
    assert right.mean(axis=0) == pytest.approx(left[:, ::-1].mean(axis=0), abs=1.0)
    assert right.std(axis=0) == pytest.approx(left[:, ::-1].std(axis=0), abs=0.5)
    assert np.bincount(clips.directions) / 600 == pytest.approx(0.25, abs=0.06)


def test_directions_can_be_skewed():
    share = np.bincount(videos(1000, 0, direction_weights=SKEW).directions) / 1000
    assert share == pytest.approx([0.4, 0.1, 0.4, 0.1], abs=0.04)
    only = videos(20, 0, direction_weights={"right": 0, "left": 0, "down": 0, "up": 1})
    assert {DIRECTIONS[direction] for direction in only.directions} == {"up"}


def test_same_seed_same_clips_different_seeds_differ():
    first, again, other = videos(3, 5), videos(3, 5), videos(3, 6)
    assert torch.equal(first.frames, again.frames)
    assert first.narrations == again.narrations
    assert not torch.equal(first.frames, other.frames)
    assert torch.equal(videos(np.int64(3), np.int64(5), frames=np.int64(4)).frames, first.frames)


def test_subsets_keep_all_fields_together():
    clips = videos(6, 0)
    tail = clips[4:]
    assert len(tail) == len(tail.narrations) == len(tail.frames) == 2
    assert torch.equal(tail.frames, clips.frames[4:])
    with pytest.raises(TypeError, match="index: got int, expected a slice"):
        clips[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: got 0, expected an int >= 1"),
        ({"frames": 1}, r"frames: got 1, expected an int within 2 \.\. 16"),
        ({"frames": 4.0}, "frames: got 4.0, expected an int"),
        ({"frames": (2, 3)}, r"frames: got \(2, 3\), expected an int"),
        ({"split": "test"}, "split: got 'test'"),
        ({"narration": "song"}, "narration: got 'song', expected one of 'direction', 'place'"),
        (
            {"direction_weights": {"right": 1}},
            "direction_weights: got {'right': 1}, expected a finite number >= 0",
        ),
        ({"direction_weights": {**SKEW, "up": -1}}, "direction_weights: got"),
        ({"direction_weights": {**SKEW, "away": 1}}, "direction_weights: got"),
        ({"direction_weights": dict.fromkeys(DIRECTIONS, 0)}, "direction_weights: got .* not all 0"),
        ({"seed": None}, "seed: got None"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        videos(**{"n": 2, "seed": 0, **arguments})
