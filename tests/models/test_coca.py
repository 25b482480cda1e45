"""CoCa: equal to open_clip's under copied weights, its two losses, and what each of its parts reads."""

import pytest
import torch
import torch.nn.functional as F
from open_clip import CoCa as OpenClipCoCa
from open_clip.loss import CoCaLoss
from torch import nn

from vlm_lib.models.coca import CoCa, Poolers, coca_losses, training_loss
from vlm_lib.models.coca_open_clip import from_open_clip

PAD = 0
IDS = torch.tensor([[1, 5, 6, 2, 0, 0], [1, 7, 2, 0, 0, 0], [1, 5, 8, 9, 4, 2]])


def theirs(*, correct=True):
    """A small open_clip CoCa, with the projection that its constructor leaves as it lay in memory."""
    torch.manual_seed(0)
    text = {"context_length": 6, "vocab_size": 20, "width": 32, "heads": 4, "layers": 2}
    vision = {"image_size": 32, "layers": 1, "width": 48, "head_width": 12, "patch_size": 8}
    pooling = {"attentional_pool": True, "attn_pooler_queries": 5, "attn_pooler_heads": 4, "output_tokens": True}
    model = OpenClipCoCa(
        32,
        multimodal_cfg=dict(text),
        text_cfg=text | {"embed_cls": True, "output_tokens": True},
        vision_cfg=vision | pooling,
    ).eval()
    model.text.correct_cls_mask = correct
    nn.init.normal_(model.text_decoder.text_projection, std=32**-0.5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))  # nothing stays at its initial 0 or 1
    return model


def small(**options):
    torch.manual_seed(0)
    model = CoCa(nn.Identity(), 12, 20, dim=16, queries=3, positions=8, heads=2, **options)
    return model.double().eval()


def test_outputs_and_gradients_equal_open_clip():
    reference = theirs()
    ours = from_open_clip(reference)
    pixels = torch.randn(3, 3, 32, 32)
    expected = reference(pixels, IDS)
    images, texts, logits = ours(pixels, IDS)
    torch.testing.assert_close(images, expected["image_features"], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(texts, expected["text_features"], atol=2e-5, rtol=1e-4)
    real = (IDS != PAD)[:, :-1, None]  # what is said after padding counts nowhere, and differs
    torch.testing.assert_close(logits * real, expected["logits"] * real, atol=1e-4, rtol=1e-4)
    upstream = torch.randn_like(logits) * real
    mine = torch.autograd.grad((logits * upstream).sum(), ours.unimodal.embed.weight)[0]
    other = torch.autograd.grad((expected["logits"] * upstream).sum(), reference.text.token_embedding.weight)[0]
    torch.testing.assert_close(mine, other, atol=1e-3, rtol=1e-3)


def test_their_first_mask_is_another_function_where_there_is_padding():
    """Shifted by one: [CLS] sees a pad and not itself (open_clip issue 554)."""
    reference = theirs(correct=False)
    legacy, ours = reference.encode_text(IDS), from_open_clip(reference).read(IDS).features
    differs = (legacy - ours).abs().amax(dim=1)
    assert (differs[:2] > 1e-3).all()
    torch.testing.assert_close(legacy[2], ours[2], atol=2e-5, rtol=1e-4)  # no padding, no difference


def test_losses_equal_open_clips_but_for_the_papers_sum_of_directions():
    torch.manual_seed(0)
    u, v = F.normalize(torch.randn(2, 3, 8), dim=-1)
    logits, scale = torch.randn(3, 5, 20), torch.tensor(7.0)
    contrast, caption = coca_losses(u, v, logits, IDS[:, 1:], scale, pad_id=PAD)
    their_contrast, their_caption = CoCaLoss(caption_loss_weight=2.0, clip_loss_weight=1.0, pad_id=PAD)(
        u, v, logits, IDS[:, 1:], scale
    )
    torch.testing.assert_close(contrast, 2 * their_contrast)
    torch.testing.assert_close(2 * caption, their_caption)


def test_training_loss_is_the_weighted_sum():
    model, tokens = small(), torch.randn(3, 5, 12).double()
    parts = coca_losses(*model(tokens, IDS), IDS[:, 1:], model.log_scale.exp(), pad_id=PAD)
    loss = training_loss(model, (tokens, IDS), contrast=0.5, caption=3.0)
    torch.testing.assert_close(loss, 0.5 * parts[0] + 3 * parts[1])


@pytest.mark.parametrize(
    ("weights", "idle"),
    [
        ({"contrast": 0.0}, ("contrastive", "projection", "cls", "log_scale", ".to_k.bias")),
        ({"caption": 0.0}, ("multimodal", ".to_k.bias")),
    ],
)
def test_a_loss_of_weight_zero_trains_nothing_of_its_own(weights, idle):
    model = small()
    training_loss(model, (torch.randn(3, 5, 12).double(), IDS), **weights).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert all(any(part in name for part in idle) for name in without)
    assert all(any(part in name for name in without) for part in idle)


def test_both_weights_zero_are_refused():
    with pytest.raises(ValueError, match=r"contrast is 0, caption 0"):
        training_loss(small(), (torch.randn(3, 5, 12).double(), IDS), contrast=0, caption=0)


@pytest.mark.parametrize("arrangement", ["cascade", "parallel"])
def test_only_in_the_cascade_does_the_contrast_depend_on_the_captioning_pooler(arrangement):
    torch.manual_seed(0)
    poolers = Poolers(16, 12, 3, arrangement=arrangement, heads=2)
    tokens = torch.randn(2, 5, 12)
    before = poolers(tokens)[1]
    with torch.no_grad():
        poolers.captioning.to_v.weight.add_(torch.randn(16, 12))
    moved = (poolers(tokens)[1] - before).abs().max()
    assert (moved > 1e-4) == (arrangement == "cascade")


def test_unknown_arrangement_is_refused():
    with pytest.raises(ValueError, match="arrangement: got 'serial'"):
        Poolers(16, 12, 3, arrangement="serial")


def test_text_features_see_no_image_and_logits_do():
    model = small()
    one, other = torch.randn(2, 3, 5, 12).double()
    (_, text, logits), (_, other_text, other_logits) = model(one, IDS), model(other, IDS)
    assert torch.equal(text, other_text)
    assert (logits - other_logits).abs().amax(-1).min() > 1e-5


def test_captions_take_the_likeliest_word_and_stop():
    model, tokens = small(), torch.randn(2, 5, 12).double()
    seen, start = model.see(tokens).tokens, torch.tensor([[1], [1]])
    first = model(tokens, torch.tensor([[1, 3], [1, 3]]))[2][:, 0].argmax(-1)
    written = model.caption(seen, start, end=int(first[0]), longest=4)
    assert written[:, 0].tolist() == first.tolist()
    assert written[0].tolist() == [int(first[0]), PAD, PAD, PAD]
    free = model.caption(seen, start, end=-1, longest=4)
    again = model(tokens, torch.cat([start, free], dim=1))[2]
    assert again.argmax(-1).tolist() == free.tolist()
