"""Masks against their definitions, position by position."""

import pytest
import torch
from helpers.reference import last_image_before
from hypothesis import given
from hypothesis import strategies as st

from vlm_lib.attention.masks import (
    all_previous_images_mask,
    causal_mask,
    image_index,
    last_image_mask,
    prefix_lm_mask,
)


@st.composite
def texts(draw):
    """A batch of interleaved texts as tags: True where an image stands. Any row may hold no image at all."""
    seq = draw(st.integers(1, 12))
    rows = draw(st.lists(st.lists(st.booleans(), min_size=seq, max_size=seq), min_size=1, max_size=3))
    return torch.tensor(rows)


@given(texts())
def test_image_index_is_the_number_of_the_nearest_tag_at_or_before(is_image):
    phi = image_index(is_image)
    tags = is_image.tolist()
    for b, row in enumerate(phi.tolist()):
        assert row == [last_image_before(tags, b, position) or 0 for position in range(len(row))]


def test_image_index_by_hand():
    is_image = torch.tensor([[0, 1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0]], dtype=torch.bool)
    assert image_index(is_image).tolist() == [[0, 1, 1, 1, 2, 3, 3], [0] * 7]


@given(texts(), st.integers(0, 2), st.integers(1, 3))
def test_image_masks_against_their_definitions(is_image, spare_images, tokens):
    phi = image_index(is_image)
    images = int(phi.max()) + spare_images
    last, previous = last_image_mask(phi, images, tokens), all_previous_images_mask(phi, images, tokens)
    assert last.shape == previous.shape == (*phi.shape, images * tokens)
    for b in range(phi.shape[0]):
        for position in range(phi.shape[1]):
            seen = last_image_before(is_image.tolist(), b, position) or 0
            owner = [image for image in range(1, images + 1) for _ in range(tokens)]
            assert last[b, position].tolist() == [image == seen for image in owner]
            assert previous[b, position].tolist() == [image <= seen for image in owner]


def test_last_image_mask_by_hand():
    mask = last_image_mask(torch.tensor([[0, 1, 1, 2]]), num_images=3, tokens_per_image=2)
    expected = [[0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]]
    assert mask[0].int().tolist() == expected


@pytest.mark.parametrize("seq", [1, 2, 7])
def test_causal_mask_sees_itself_and_what_is_before(seq):
    assert causal_mask(seq).tolist() == [[column <= row for column in range(seq)] for row in range(seq)]


@given(st.integers(1, 8), st.data())
def test_prefix_lm_mask_is_causal_or_both_inside_the_prefix(seq, data):
    lengths = data.draw(st.lists(st.integers(0, seq), min_size=1, max_size=3))
    mask = prefix_lm_mask(torch.tensor(lengths), seq)
    for b, length in enumerate(lengths):
        expected = [[j <= i or (i < length and j < length) for j in range(seq)] for i in range(seq)]
        assert mask[b].tolist() == expected


def test_prefix_of_length_zero_or_one_is_the_causal_mask():
    assert torch.equal(prefix_lm_mask(torch.tensor([0, 1]), 5), causal_mask(5).expand(2, 5, 5))
