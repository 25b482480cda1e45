"""The packed weights come back, and the figure takes nothing that it could not show."""

import numpy as np
import pytest
import torch

from vlm_lib import zoo
from vlm_lib.data import scenes
from vlm_lib.interactive.live_clip import known_words, live_clip
from vlm_lib.interactive.packed import pack, packed_clip

BASE64 = {
    digit: value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
SCENE = np.array([(0, 0, 1), (-1, -1, -1), (-1, -1, -1), (-1, -1, -1)])
TEXTS = ["a large red circle .", "a small red circle ."]


def whole(digits, bits):
    codes = np.array([BASE64[digit] for digit in digits])
    stream = ((codes[:, None] >> np.arange(5, -1, -1)) & 1).ravel()
    stream = stream[: len(stream) // bits * bits].reshape(-1, bits)
    return stream @ 2 ** np.arange(bits - 1, -1, -1) - 2 ** (bits - 1)


def unpacked(packed):
    factors = whole(packed["factors"], 12) * packed["unit"]
    rows = whole(packed["numbers"], packed["bits"]).reshape(len(factors), -1) * factors[:, None]
    return torch.from_numpy(rows.reshape(packed["shape"]))


@pytest.mark.parametrize("bits", [9, 12])
@pytest.mark.parametrize("shape", [(7,), (5, 9), (4, 3, 2, 2)])
def test_packing_keeps_every_number_to_half_a_step_of_its_row(shape, bits):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight[0] *= 10  # a row of large numbers must not coarsen the others
    rows = weight.reshape(len(weight) if len(shape) > 1 else 1, -1)
    error = (unpacked(pack(weight, bits)) - weight).reshape(rows.shape).abs().amax(dim=1)
    largest = 2 ** (bits - 1) - 1
    assert (error <= 0.51 * rows.abs().amax(dim=1) / largest * 1.03).all()  # factors are rounded up


def test_a_row_of_zeros_comes_back():
    assert unpacked(pack(torch.zeros(2, 3))).abs().max() == 0


def test_words_are_those_of_the_training_captions():
    drawn = scenes.generate(2000, 3)
    written = {word for seed in range(3) for text in scenes.captions(drawn, seed) for word in text.split()}
    assert set(known_words()) >= written
    assert set(known_words()) - written <= {",", "which"}  # written of three objects and more


def test_bad_arguments_are_refused_by_name():
    model = zoo.build_clip(zoo.ClipRecipe("scenes")).eval()
    with pytest.raises(ValueError, match=r"texts.*dog"):
        live_clip(model, SCENE, ["a red dog .", TEXTS[0]], gallery=SCENE[None])
    with pytest.raises(ValueError, match="texts"):
        live_clip(model, SCENE, TEXTS[:1], gallery=SCENE[None])
    with pytest.raises(ValueError, match="attributes"):
        live_clip(model, SCENE[:3], TEXTS, gallery=SCENE[None])
    with pytest.raises(ValueError, match=r"words.*xyzzy"):
        packed_clip(model, ["red", "xyzzy"])


def test_static_part_holds_the_models_cosines():
    model = zoo.build_clip(zoo.ClipRecipe("scenes")).eval()
    html = live_clip(model, SCENE, TEXTS, gallery=SCENE[None], seed=3).html
    with torch.no_grad():
        cosines = model.score(scenes.render(SCENE[None], 3).images, TEXTS)[0]
    for cosine in cosines.tolist():
        assert f">{cosine:.3f}<".replace("-", "−") in html
