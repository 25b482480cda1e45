"""Convolutional stages against timm's own features, linear patches against a matrix product."""

import pytest
import timm
import torch

from vlm_lib.models.patch_embedders import ConvStage, LinearPatches, first_stages, narrow_stages

IMAGES = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(0))


def test_the_first_stages_of_a_resnet_are_those_of_timms_feature_extractor():
    torch.manual_seed(0)
    resnet = timm.create_model("resnet18", pretrained=False).eval()
    theirs = timm.create_model("resnet18", pretrained=False, features_only=True, out_indices=(3,)).eval()
    theirs.load_state_dict(resnet.state_dict(), strict=False)
    torch.testing.assert_close(first_stages(resnet)(IMAGES), theirs(IMAGES)[0])


@pytest.mark.parametrize("patches", [ConvStage(narrow_stages(), 48, 24), LinearPatches(24)])
def test_one_vector_for_16_by_16_pixels(patches):
    assert patches(IMAGES).shape == (2, 8, 24)
    with pytest.raises(ValueError, match="images has shape"):
        patches(IMAGES[:, :1])


def test_linear_patches_read_left_to_right_then_down_and_nothing_outside_their_patch():
    patches = LinearPatches(5)
    weight, bias = patches.project.weight.flatten(1), patches.project.bias
    cells = [IMAGES[:, :, y : y + 16, x : x + 16].flatten(1) for y in range(0, 64, 16) for x in (0, 16)]
    expected = torch.stack([cell @ weight.T + bias for cell in cells], dim=1)
    torch.testing.assert_close(patches(IMAGES), expected, atol=1e-5, rtol=1e-5)


def test_three_stages():
    with pytest.raises(ValueError, match="widths of three stages"):
        narrow_stages((16, 24))
