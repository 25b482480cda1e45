"""The recorded steps as a figure: the static picture holds the texts, and what does not match is refused."""

import re

import pytest
import torch

from vlm_lib.decoding.magic import Weights
from vlm_lib.interactive.magic_steps import magic_steps, written

STEP = {
    "candidates": [" cat", "\n"],
    "confidence": [0.4, 0.1],
    "penalty": [0.9, 0.2],
    "cosine": [0.1, 0.3],
    "chosen": 0,
}
END = {**STEP, "chosen": 1}
PICTURES = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)


def test_the_static_picture_holds_names_and_texts():
    html = magic_steps([[STEP, STEP, END], [END]], PICTURES, ["tiger <b>", "dot"], Weights(2, 0.1, 2.0, 30.0)).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    assert "<td>cat cat</td><td></td>" in static
    assert "tiger &lt;b&gt;" in static
    assert written([STEP, END]) == "cat"


def test_what_does_not_match_is_refused():
    with pytest.raises(ValueError, match="1 texts, 2 pictures, 1 names"):
        magic_steps([[STEP]], PICTURES, ["a"], Weights(2))
    with pytest.raises(ValueError, match="expected k = 3"):
        magic_steps([[STEP]], PICTURES[:1], ["a"], Weights(3))
