"""VILA: pictures in the place of their tags, and the order of its two-by-two blocks."""

import pytest
import torch

from vlm_lib.models.vila import Vila, space_to_channels

TAG = 3


def build():
    torch.manual_seed(0)
    return Vila(12, TAG, channels=8, width=16, positions=10).eval()


def test_blocks_of_four_cells_in_reading_order():
    grid = torch.arange(16.0).view(1, 1, 4, 4)
    assert space_to_channels(grid)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    two = torch.stack([grid[0, 0], grid[0, 0] + 100])[None]
    assert space_to_channels(two)[0, 0].tolist() == [0, 100, 1, 101, 4, 104, 5, 105]
    with pytest.raises(ValueError, match="3 by 4"):
        space_to_channels(grid[:, :, :3])


def test_a_picture_is_one_vector_in_the_place_of_its_tag():
    model = build()
    ids = torch.tensor([[1, TAG, 5, TAG, 6], [1, 2, 5, TAG, 6]])
    pictures = torch.randn(3, 8)
    x = model.words(ids)
    x[0, 1], x[0, 3], x[1, 3] = model.project(pictures)
    from vlm_lib.attention import causal_mask

    expected = model.head(model.stack(x + model.positions.weight[:5], causal_mask(5)))
    torch.testing.assert_close(model(ids, pictures), expected)


def test_a_picture_moves_what_follows_and_nothing_before():
    model = build()
    ids = torch.tensor([[1, TAG, 5, TAG, 6]])
    pictures = torch.randn(2, 8)
    other = pictures.clone()
    other[1] += 1
    shift = (model(ids, pictures) - model(ids, other)).abs().amax(dim=2)[0]
    assert shift[:3].max() == 0
    assert (shift[3:] > 0).all()


def test_as_many_pictures_as_tags():
    with pytest.raises(ValueError, match="got 1 pictures, expected 2"):
        build()(torch.tensor([[1, TAG, TAG]]), torch.randn(1, 8))
    with pytest.raises(ValueError, match="got 0 pictures, expected 1"):
        build()(torch.tensor([[1, TAG]]))
