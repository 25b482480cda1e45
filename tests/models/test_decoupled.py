"""CoCa's two half decoders: who sees whom, whatever the padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_lib.models.decoupled import MultimodalDecoder, UnimodalDecoder, cls_mask

PAD = 0
LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=4)


def padded(lengths, width):
    """Texts of the given lengths, no two tokens alike, padded to `width`."""
    ids = torch.full((len(lengths), width), PAD)
    for row, length in enumerate(lengths):
        ids[row, :length] = 1 + torch.arange(length) + 7 * row
    return ids


def lower(layers=2, positions=12):
    torch.manual_seed(0)
    model = UnimodalDecoder(40, 16, layers, positions=positions, pad_id=PAD, heads=2).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


@given(LENGTHS, st.integers(0, 4))
def test_the_mask_entry_by_entry(lengths, more):
    width = max(lengths) + more
    mask = cls_mask(padded(lengths, width) == PAD)
    for row, length in enumerate(lengths):
        for asks in range(width):
            assert mask[row, asks].tolist() == [answers <= asks for answers in range(width + 1)]
        assert mask[row, width].tolist() == [a < length for a in range(width)] + [True]


@settings(max_examples=20, deadline=None)
@given(LENGTHS, st.integers(1, 5))
def test_more_padding_changes_nothing(lengths, more):
    model = lower()
    short = padded(lengths, max(lengths))
    words, cls = model(short)
    longer_words, longer_cls = model(padded(lengths, max(lengths) + more))
    torch.testing.assert_close(longer_cls, cls)
    real = short != PAD
    torch.testing.assert_close(longer_words[:, : short.shape[1]][real], words[real])


def test_a_changed_word_moves_cls_and_itself_and_what_follows_and_nothing_before():
    model, ids = lower(), torch.tensor([[5, 6, 7, 8]])
    other = ids.clone()
    other[0, 2] = 9
    (words, cls), (changed, changed_cls) = model(ids), model(other)
    moved = (words - changed).abs().amax(-1)[0]
    assert moved[:2].tolist() == [0, 0]
    assert (moved[2:] > 1e-3).all()
    assert (cls - changed_cls).abs().max() > 1e-3


def test_no_word_sees_cls():
    model, ids = lower(), torch.tensor([[5, 6, 7, 8]])
    words, cls = model(ids)
    with torch.no_grad():
        model.cls.add_(torch.randn(16))
    after, moved = model(ids)
    assert torch.equal(words, after)
    assert (moved - cls).abs().max() > 1e-3


def test_upper_half_sees_the_image_and_no_later_word():
    torch.manual_seed(0)
    model = MultimodalDecoder(11, 16, 2, heads=2).double()
    words, image = torch.randn(1, 5, 16).double(), torch.randn(1, 3, 16).double()
    logits = model(words, image)
    later, other = words.clone(), image.clone()
    later[0, 3] = torch.randn(16)
    other[0, 1] = torch.randn(16)
    assert torch.equal(model(later, image)[0, :3], logits[0, :3])
    assert (model(later, image)[0, 3:] - logits[0, 3:]).abs().amax(-1).min() > 1e-3
    assert (model(words, other)[0] - logits[0]).abs().amax(-1).min() > 1e-3


@pytest.mark.parametrize(
    ("padding", "message"),
    [
        (torch.zeros(2, 3), "dtype torch.float32, expected torch.bool"),
        (torch.tensor([[False, True, False]]), "to the right of padding"),
        (torch.zeros(3, dtype=torch.bool), r"shape \[3\]"),
    ],
)
def test_mask_refuses(padding, message):
    with pytest.raises(ValueError, match=message):
        cls_mask(padding)


@pytest.mark.parametrize("length", [0, 13])
def test_text_without_a_position_is_refused(length):
    with pytest.raises(ValueError, match=f"{length} tokens, expected 1 to 12"):
        lower()(torch.ones(1, length, dtype=torch.long))
