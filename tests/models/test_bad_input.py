"""Bad input is refused with a ValueError that names the argument, what came and what was expected."""

import math

import pytest
import torch
from helpers.small_flamingo import IMAGE, VOCAB, Tower, features, flamingo, language_model, text
from torch import nn
from transformers import BertConfig, BertModel

from vlm_lib.attention import (
    GatedCrossAttentionBlock,
    MaskedCrossAttention,
    PerceiverResampler,
    last_image_attention,
    masked_attention,
    masks,
)
from vlm_lib.models.flamingo import Flamingo
from vlm_lib.models.image_order import ImageOrder

PHI = torch.tensor([[0, 1, 1, 2], [1, 1, 2, 3]])


def refuses(*words):
    """The message holds the words in this order: the argument first, then what came, then what was expected."""
    return pytest.raises(ValueError, match="(?s)^" + ".*".join(words))


def spoiled(tensor, value):
    tensor = tensor.clone()
    tensor.view(-1)[-1] = value
    return tensor


# phi is refused alike by all that take it. The case, and words of the message after "phi".
BAD_PHI = {
    "float": (PHI.float(), ["float32", "integers"]),
    "bool": (PHI.bool(), ["bool", "integers"]),
    "decreasing": (torch.tensor([[0, 2, 1, 1], [1, 1, 2, 3]]), ["decreases", "running count"]),
    "decreasing, unsigned": (torch.tensor([[0, 2, 1, 1], [1, 1, 2, 3]], dtype=torch.uint8), ["decreases"]),
    "decreasing in the last step": (torch.tensor([[0, 1, 1, 2], [1, 2, 3, 0]]), ["decreases"]),
    "more tags than images": (PHI + 1, ["4", "only 3 images"]),
    "negative": (PHI - 1, ["-1", "from 0"]),
    "one axis": (PHI[0], [r"\[4\]", "batch"]),
    "empty batch": (PHI[:0], [r"\[0, 4\]"]),
}
bad_phi = pytest.mark.parametrize(("phi", "words"), BAD_PHI.values(), ids=BAD_PHI)
NOT_FINITE = [math.nan, math.inf, -math.inf]


# ---- masks


@bad_phi
@pytest.mark.parametrize("mask", [masks.last_image_mask, masks.all_previous_images_mask])
def test_masks_refuse_bad_phi(mask, phi, words):
    with refuses("phi", *words):
        mask(phi, 3, 2)


@pytest.mark.parametrize(
    ("is_image", "words"),
    [
        (PHI, ["int64", "torch.bool"]),
        (PHI.float(), ["float32", "torch.bool"]),
        (PHI[0] > 0, [r"\[4\]", "batch seq"]),
        (PHI[:0] > 0, ["empty batch"]),
    ],
)
def test_image_index_refuses(is_image, words):
    with refuses("is_image", *words):
        masks.image_index(is_image)


@pytest.mark.parametrize(
    ("prefix_len", "words"),
    [
        (torch.tensor([1, 6]), ["6", "0 to seq=5"]),
        (torch.tensor([-1]), ["-1", "0 to seq=5"]),
        (torch.tensor([1.0]), ["float32", "integers"]),
        (torch.tensor([True]), ["bool", "integers"]),
        (torch.tensor(1), ["batch"]),
        (torch.tensor([], dtype=torch.long), ["empty batch"]),
    ],
)
def test_prefix_lm_mask_refuses(prefix_len, words):
    with refuses("prefix_len", *words):
        masks.prefix_lm_mask(prefix_len, 5)


def test_causal_mask_refuses_length_zero():
    with refuses("seq", "0", "at least 1"):
        masks.causal_mask(0)


# ---- attention


def qkv():
    return {"q": torch.randn(2, 2, 4, 3), "k": torch.randn(2, 2, 3, 2, 3), "v": torch.randn(2, 2, 3, 2, 3)}


impls = pytest.mark.parametrize("impl", ["auto", "dense", "segments"])


@impls
@bad_phi
def test_attention_refuses_bad_phi(impl, phi, words):
    with refuses("phi", *words):
        last_image_attention(**qkv(), phi=phi, impl=impl)


@pytest.mark.parametrize(("rows", "columns"), [(1, 4), (2, 3), (2, 1)])
def test_attention_refuses_a_phi_that_would_only_broadcast(rows, columns):
    phi = PHI[:rows, :columns]
    with refuses("phi", rf"\[{rows}, {columns}\]", "batch=2 seq=4"):
        last_image_attention(**qkv(), phi=phi)
    for attend in ("last", "all_previous"):
        with refuses("phi", rf"\[{rows}, {columns}\]", "batch=2 seq=4"):
            MaskedCrossAttention(6, 5, 2, 4, attend=attend)(torch.randn(2, 4, 6), torch.randn(2, 3, 2, 5), phi)


@impls
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_attention_refuses_values_that_are_not_finite(impl, name, value):
    inputs = qkv()
    inputs[name] = spoiled(inputs[name], value)
    with refuses(name, "finite", "1 of "):
        last_image_attention(**inputs, phi=PHI, impl=impl)


def test_attention_accepts_finite_values_whose_sum_overflows():
    inputs = qkv()
    inputs["v"] = torch.full_like(inputs["v"], 1e38)
    out = last_image_attention(**inputs, phi=PHI)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("q", lambda t: t[0], [r"\[2, 4, 3\]", "batch heads seq dim"]),
        ("q", lambda t: t[:0], ["empty batch"]),
        ("k", lambda t: t[:, :, 0], ["batch=2 heads=2 images tokens dim=3"]),
        ("k", lambda t: t[:1], ["batch=2"]),
        ("k", lambda t: t[:, :1], ["heads=2"]),
        ("k", lambda t: t[..., :2], ["dim=3"]),
        ("v", lambda t: t[:, :, :2], ["images=3"]),
        ("v", lambda t: t[:, :, :, :1], ["tokens=2"]),
        ("v", lambda t: t[..., :2], ["dim=3"]),
        ("k", lambda t: t.double(), ["float64", "float32"]),
        ("v", lambda t: t.bfloat16(), ["bfloat16", "float32"]),
    ],
)
def test_attention_refuses_wrong_shapes_and_mixed_precision(name, change, words):
    inputs = qkv()
    inputs[name] = change(inputs[name])
    with refuses(name, *words):
        last_image_attention(**inputs, phi=PHI)


def test_attention_refuses_an_unknown_impl():
    with refuses("impl", "'fast'", "'auto'", "dense", "segments"):
        last_image_attention(**qkv(), phi=PHI, impl="fast")


@pytest.mark.parametrize("shape", [(1, 4, 6), (2, 1, 6), (2, 4, 1), (2, 4)])
def test_masked_attention_refuses_a_mask_that_would_only_broadcast(shape):
    with refuses("mask", "batch=2 seq=4 columns=6"):
        masked_attention(**qkv(), mask=torch.ones(shape, dtype=torch.bool))


# ---- cross-attention modules


def modules():
    for attend in ("last", "all_previous"):
        yield MaskedCrossAttention(6, 5, 2, 4, attend=attend)
        yield GatedCrossAttentionBlock(6, 5, 2, 4, attend=attend)


X, MEDIA = torch.randn(2, 4, 6), torch.randn(2, 3, 2, 5)


@bad_phi
def test_modules_refuse_bad_phi(phi, words):
    for module in modules():
        with refuses("phi", *words):
            module(X, MEDIA, phi)


@pytest.mark.parametrize(
    ("name", "x", "media", "words"),
    [
        ("x", X[0], MEDIA, ["batch=2 seq dim=6"]),
        ("x", X[..., :5], MEDIA, ["dim=6"]),
        ("x", X[:1], MEDIA, ["batch=2"]),
        ("media", X, MEDIA[:, 0], [r"\[2, 2, 5\]", "batch images tokens media_dim=5"]),
        ("media", X, MEDIA[..., :4], ["media_dim=5"]),
        ("media", X, MEDIA[:0], ["empty batch"]),
        *[("x", spoiled(X, value), MEDIA, ["finite", "1 of 48"]) for value in NOT_FINITE],
        *[("media", X, spoiled(MEDIA, value), ["finite", "1 of 60"]) for value in NOT_FINITE],
    ],
)
def test_modules_refuse(name, x, media, words):
    for module in modules():
        with refuses(name, *words):
            module(x, media, PHI)


def test_modules_refuse_an_unknown_rule():
    for cls in (MaskedCrossAttention, GatedCrossAttentionBlock):
        with refuses("attend", "'next'", "'last' or 'all_previous'"):
            cls(6, 5, attend="next")


# ---- resampler


@pytest.mark.parametrize(
    ("features", "frames", "words"),
    [
        (torch.randn(2, 3, 8), 1, ["features", r"\[2, 3, 8\]", "batch images tokens dim=8"]),
        (torch.randn(2, 3, 4, 7), 1, ["features", "7", "dim=8"]),
        (torch.randn(0, 3, 4, 8), 1, ["features", "empty batch"]),
        *[(spoiled(torch.randn(1, 1, 6, 8), v), 1, ["features", "finite", "1 of 48"]) for v in NOT_FINITE],
        (torch.randn(1, 1, 6, 8), 4, ["frames", "4", "divisor of the 6"]),
        (torch.randn(1, 1, 6, 8), 0, ["frames", "0", ">= 1"]),
        (torch.randn(1, 1, 6, 8), -2, ["frames", "-2", ">= 1"]),
        (torch.randn(1, 1, 6, 8), 2.0, ["frames", "2.0", "int"]),
    ],
)
def test_resampler_refuses(features, frames, words):
    for max_frames in (None, 4):
        with refuses(*words):
            PerceiverResampler(8, 1, 2, 4, 3, max_frames=max_frames)(features, frames=frames)


@pytest.mark.parametrize("name", ["depth", "num_latents", "max_frames"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_resampler_refuses_sizes(name, value):
    with refuses(name, str(value), ">= 1"):
        PerceiverResampler(8, **{name: value})


# ---- Flamingo


@pytest.fixture(scope="module")
def model():
    return flamingo(language_model("gpt2"), gates=1.0)


def forward(model, ids, images):
    return model(ids, images)


def generate(model, ids, images):
    return model.generate(ids, images, max_new_tokens=2)


@pytest.mark.parametrize("use", [forward, generate])
@pytest.mark.parametrize(
    ("ids", "images", "words"),
    [
        (text("3 < 5 < 6"), features(1, 1), ["phi reaches 2", "only 1 images", "<image>"]),
        (text("3 < 5"), features(1, 0), ["phi reaches 1", "only 0 images"]),
        (text("3 < 5", "3 4 5"), features(1, 1), ["features", "batch=2"]),
        (text("3 < 5")[0], features(1, 1), ["input_ids", r"\[3\]", "batch seq"]),
        (text("3 < 5")[:0], features(1, 1), ["input_ids", "empty batch"]),
        (text("3 < 5")[:, :0], features(1, 1), ["input_ids", r"\[1, 0\]", "at least one token"]),
        (text("3 < 5"), features(1, 1)[0], ["features", "batch=1 images tokens media_dim=12"]),
        (text("3 < 5"), features(1, 1)[..., :5], ["features", "media_dim=12"]),
        *[(text("3 < 5"), spoiled(features(1, 1), v), ["features", "finite", "1 of 48"]) for v in NOT_FINITE],
    ],
)
def test_flamingo_refuses(model, use, ids, images, words):
    with refuses(*words):
        use(model, ids, images)


@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_flamingo_refuses_to_generate_nothing(model, value):
    with refuses("max_new_tokens", str(value), ">= 1"):
        model.generate(text("3 < 5"), features(1, 1), max_new_tokens=value)


@pytest.mark.parametrize("use_cache", [True, False])
def test_flamingo_refuses_more_words_than_the_language_model_has_positions_for(model, use_cache):
    """64 positions: of 62 + 3 tokens the last is never read, so they fit; one more does not."""
    ids, images = text("< " + "3 " * 61), features(1, 1)
    assert model.generate(ids, images, max_new_tokens=3, use_cache=use_cache).shape == (1, 65)
    with refuses("max_new_tokens", "65 tokens", "64 positions"):
        model.generate(ids, images, max_new_tokens=4, use_cache=use_cache)
    with refuses("input_ids", "65 tokens", "64 positions"):
        model(text("< " + "3 " * 64), images)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.randn(2, 3, 8, 8), [r"\[2, 3, 8, 8\]", "batch images channels height width"]),
        (torch.randn(0, 1, 3, 8, 8), ["empty batch"]),
        (spoiled(torch.randn(1, 1, 3, 8, 8), math.nan), ["finite", "1 of 192"]),
    ],
)
def test_flamingo_refuses_images(model, images, words):
    with refuses("images", *words):
        model.encode_images(images)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0}, ["every", "0", ">= 1"]),
        ({"every": -1}, ["every", "-1", ">= 1"]),
        ({"image_token_id": VOCAB}, ["image_token_id", str(VOCAB), f"0 .. {VOCAB - 1}"]),
        ({"image_token_id": -1}, ["image_token_id", "-1", "0 .. "]),
        ({"attend": "next"}, ["attend", "'next'", "'last'"]),
        ({"image_order": "rotary"}, ["image_order", "'rotary'", "'sinusoidal'"]),
    ],
)
def test_flamingo_refuses_options(options, words):
    with refuses(*words):
        Flamingo(Tower(), language_model("gpt2"), **{"media_dim": 12, "image_token_id": IMAGE, **options})


def test_a_refused_language_model_is_left_as_it_was():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    lm = BertModel(BertConfig(vocab_size=VOCAB, **sizes))
    with refuses("lm is a BertModel", "'h'", "'layers'"):
        Flamingo(nn.Identity(), lm, media_dim=12, image_token_id=IMAGE)
    assert all(p.requires_grad for p in lm.parameters())


def test_learned_image_numbers_refuse_more_images_than_they_have():
    with refuses("media hold 3 images", "max_images=2"):
        ImageOrder("learned", 6, max_images=2)(torch.randn(1, 3, 2, 6))
    with refuses("image_order is 'x'", "'none'"):
        ImageOrder("x", 6, max_images=2)
