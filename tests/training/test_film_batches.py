"""Batches of films: places that are hidden, stills that stand alone, and the same batch for the same seed."""

import pytest
import torch

from vlm_lib.data.films import films
from vlm_lib.training.films import film_batches, hide_places


def test_hidden_places_are_two_or_more_all_different_and_others_stay():
    places = hide_places(2000, 4, 0.4, torch.Generator().manual_seed(0))
    hidden = places >= 4
    count = hidden.sum(dim=1)
    assert set(count.tolist()) == {0, 2, 3, 4}
    assert (count > 0).float().mean().item() == pytest.approx(0.4, abs=0.04)
    assert (places[~hidden] == torch.arange(4).expand(2000, -1)[~hidden]).all()
    assert all(len(set(row.tolist())) == 4 for row in places[:200])
    assert all(
        (places[:, t][hidden[:, t]] - 4).float().mean().item() == pytest.approx(1.5, abs=0.15) for t in range(4)
    )


def test_stills_are_single_frames_with_their_own_lines():
    drawn = films(6, 0)
    batch = film_batches(drawn, 5, 3, stills=True)(2)
    assert batch.frames.shape == (20, 1, 3, 32, 32)
    assert batch.places.eq(0).all()
    frames, lines = drawn.frames.flatten(0, 1).float() / 255, drawn.ids.flatten(0, 1)
    pool = {frame.numpy().tobytes(): line for frame, line in zip(frames, lines, strict=True)}
    for frame, line in zip(batch.frames[:, 0], batch.ids[:, 0], strict=True):
        assert torch.equal(pool[frame.numpy().tobytes()], line)


def test_the_same_step_gives_the_same_batch_and_bad_input_is_named():
    drawn = films(6, 0)
    one, two, other = film_batches(drawn, 3, 1)(4), film_batches(drawn, 3, 1)(4), film_batches(drawn, 3, 1)(5)
    assert torch.equal(one.frames, two.frames)
    assert torch.equal(one.places, two.places)
    assert not torch.equal(one.frames, other.frames)
    with pytest.raises(ValueError, match="size"):
        film_batches(drawn, 0, 1)
    with pytest.raises(ValueError, match="share"):
        hide_places(2, 4, 1.5, torch.Generator())
