"""Grids of features as tokens: each holds its own part of the map, in reading order."""

import pytest
import torch

from vlm_lib.models.grid_encoder import GridEncoder, grid


def test_a_token_holds_all_features_of_its_part_and_no_other():
    maps = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8)
    tokens = grid(maps, 4)
    assert tokens.shape == (2, 16, 12)
    for place in range(16):
        row, column = place // 4 * 2, place % 4 * 2
        part = maps[:, :, row : row + 2, column : column + 2].flatten(1)
        assert torch.equal(tokens[:, place].sort().values, part.sort().values)


@pytest.mark.parametrize(("shape", "side"), [((1, 3, 8, 6), 2), ((1, 3, 8, 8), 3), ((3, 8, 8), 2)])
def test_maps_that_do_not_divide_are_refused(shape, side):
    with pytest.raises(ValueError, match="maps has"):
        grid(torch.zeros(shape), side)


def test_places_are_told_apart_and_tokens_know_of_each_other():
    torch.manual_seed(0)
    encoder = GridEncoder(12, 16, tokens=4)
    shown = torch.randn(1, 4, 12)
    out, turned = encoder(shown), encoder(shown.flip(1))
    assert not torch.allclose(out, turned.flip(1), atol=1e-3)
    other = shown.clone()
    other[0, 3] = torch.randn(12)
    assert (encoder(other)[0, 0] - out[0, 0]).abs().max() > 1e-4


def test_another_grid_is_refused():
    with pytest.raises(ValueError, match=r"grid has shape \[1, 5, 12\], expected .*tokens=4"):
        GridEncoder(12, 16, tokens=4)(torch.zeros(1, 5, 12))
