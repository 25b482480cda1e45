"""The mask explorer before a browser sees it: its static picture is the library's mask, what it refuses."""

import re

import pytest
import torch

from vlm_lib.attention.masks import (
    all_previous_images_mask,
    causal_mask,
    image_index,
    last_image_mask,
    prefix_lm_mask,
)
from vlm_lib.interactive import mask_explorer
from vlm_lib.interactive.mask_explorer import MASKS, direct_mask, reached_after

TOKENS = ["a", "<image>", "b", "<image>", "c", "d"]
PHI = image_index(torch.tensor([[token == "<image>" for token in TOKENS]]))
EXPECTED = {
    "full": torch.ones(6, 6, dtype=torch.bool),
    "causal": causal_mask(6),
    "window of 2": torch.diag(torch.ones(6)).bool() | torch.diag(torch.ones(5), -1).bool(),
    "prefix-LM": prefix_lm_mask(torch.tensor([3]), 6)[0],
    "last image": last_image_mask(PHI, 2, 1)[0],
    "all previous images": all_previous_images_mask(PHI, 2, 1)[0],
}


def symbols(shown):
    """The cells of the static table, row by row, and the sentence below it."""
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', shown.html, flags=re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", static)[1:]
    return ["".join(re.findall(r"<td[^>]*>([●○·])</td>", row)) for row in rows], re.search(r"<p>(.*)</p>", static)[
        1
    ]


@pytest.mark.parametrize("mask", MASKS)
def test_static_picture_is_the_mask_of_the_library(mask):
    cells, sentence = symbols(mask_explorer(" ".join(TOKENS), mask=mask, prefix=3))
    expected = EXPECTED[mask]
    assert cells == ["".join("●" if open_ else "·" for open_ in row) for row in expected.tolist()]
    assert f"{int(expected.sum())} of {expected.numel()} pairs" in sentence
    assert "layers" not in sentence


def test_phi_stands_beside_the_tokens_where_the_columns_are_images():
    sequence = " ".join(TOKENS)
    for mask in MASKS:
        beside = re.findall(r'<td class="vlm-n">(\d)</td>', mask_explorer(sequence, mask=mask).html)
        assert beside == (["0", "1", "1", "2", "2", "2"] if "image" in mask else [])


def test_layers_bring_earlier_images_to_the_last_image_mask():
    cells, sentence = symbols(mask_explorer(" ".join(TOKENS), mask="last image", layers=2))
    assert cells == ["··", "●·", "●·", "○●", "○●", "○●"]
    assert (
        "5 of 12 pairs (42%) may attend directly (●), 8 of 12 pairs (67%) are reached within 2 layers" in sentence
    )


@pytest.mark.parametrize("mask", ["full", "causal", "prefix-LM"])
def test_self_attention_masks_are_closed_so_layers_add_nothing(mask):
    direct = direct_mask(TOKENS, mask, 3)
    assert torch.equal(reached_after(direct, direct, 4), direct)


def test_layers_are_powers_of_the_matrix_for_a_mask_that_is_not_closed():
    window = direct_mask(TOKENS, "window of 2", 0)
    for layers in (1, 2, 3, 4):
        power = torch.linalg.matrix_power(window.double(), layers) > 0
        assert torch.equal(reached_after(window, window, layers), power)
        assert int(power[5].sum()) == layers + 1


def test_typed_markup_is_escaped():
    assert "&lt;b&gt;" in mask_explorer("<b> a").html.split('<div class="vlm-live"')[0]


def test_the_figure_is_small():
    assert len(mask_explorer().html.encode()) < 18_500
    assert len(mask_explorer("<image> a " * 8, mask="full").html.encode()) < 26_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequence": " "}, "sequence is ' ', expected 1 to 16 tokens"),
        ({"sequence": "a " * 17}, "sequence is .*, expected 1 to 16 tokens"),
        ({"sequence": "a b c", "mask": "last image"}, "sequence is 'a b c', expected <image> among its tokens"),
        ({"mask": "window"}, "mask: got 'window', expected one of 'full', 'causal', 'window of 2', 'prefix-LM'"),
        ({"prefix": -1}, "prefix is -1, expected an integer from 0 to 7"),
        ({"prefix": 8}, "prefix is 8, expected an integer from 0 to 7"),
        ({"prefix": 1.5}, "prefix is 1.5, expected an integer"),
        ({"layers": 0}, "layers is 0, expected an integer from 1 to 8"),
        ({"layers": 9}, "layers is 9, expected an integer from 1 to 8"),
        ({"layers": True}, "layers is True, expected an integer"),
    ],
)
def test_bad_input_is_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        mask_explorer(**changes)
