"""Pictures of the chapter on SimVLM: the numbers that they draw."""

import numpy as np
import pytest

from vlm_lib.attention import causal_mask, prefix_lm_mask
from vlm_lib.figures import simvlm


def test_masks_tell_what_is_ahead_from_what_is_behind():
    import torch

    prefix = prefix_lm_mask(torch.tensor([2]), 3)[0].numpy()
    figure = simvlm.masks({"causal": causal_mask(3).numpy(), "prefix": prefix}, ["a", "b", "c"])
    drawn = [axes.collections[0].get_array().reshape(3, 3).tolist() for axes in figure.axes]
    assert drawn == [[[1, 0, 0], [1, 1, 0], [1, 1, 1]], [[1, 2, 0], [1, 1, 0], [1, 1, 1]]]


def test_by_examples_draws_means_and_seeds():
    axes = simvlm.by_examples({"pairs": np.array([[0.2, 0.4], [0.4, 0.6]])}, chance=1 / 3)
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.5])
    assert sum(len(line.get_xdata()) for line in axes.lines[1:3]) == 4


def test_the_architecture_names_its_parts():
    texts = " ".join(text.get_text() for text in simvlm.architecture().axes[0].texts)
    assert "ResNet" in texts
    assert "prefix" in texts
