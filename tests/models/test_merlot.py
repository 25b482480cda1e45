"""MERLOT: who may know of whom, the losses against public ones, and that training moves what it should."""

import pytest
import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss

from vlm_lib.models.attention_received import attention_received
from vlm_lib.models.hybrid_encoder import HybridEncoder
from vlm_lib.models.merlot import Merlot, merlot_losses
from vlm_lib.models.stack import Stack


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    encoder = HybridEncoder(16, blocks=(1, 1), width=8, groups=4, layers=1, heads=2, side=4)
    made = Merlot(encoder, 30, 16, tokens=5, segments=4, words=8, layers=2, heads=2).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(2, 30, (3, 4, 8), generator=generator)
    ids[..., 0] = 0
    return torch.rand(3, 4, 3, 32, 32, generator=generator), ids


def test_what_is_contrasted_knows_nothing_of_the_other_side(model, batch):
    frames, ids = batch
    _, seen = model.see(frames)
    _, moved = model.see(torch.cat([frames[:, :3], 1 - frames[:, 3:]], dim=1))
    torch.testing.assert_close(seen[:, :3], moved[:, :3], atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.norm(dim=-1), torch.ones(3, 4))
    lines, _ = model.read(ids)
    other = ids.clone()
    other[:, 3, 4] = (other[:, 3, 4] + 1) % 28 + 2
    assert (model.read(other)[0][:, 0] - lines[:, 0]).abs().max() > 1e-4  # a line knows the group's other lines


def test_joined_everything_sees_everything(model, batch):
    frames, ids = batch
    tokens, _ = model.see(frames)
    joined = model.join(tokens, ids)
    other = ids.clone()
    other[:, 3, 4] = (other[:, 3, 4] + 1) % 28 + 2
    assert (model.join(tokens, other).frames[:, 0] - joined.frames[:, 0]).abs().max() > 1e-4
    moved = model.join(torch.cat([tokens[:, :3], -tokens[:, 3:]], dim=1), ids)
    assert (moved.lines[:, 0] - joined.lines[:, 0]).abs().max() > 1e-4


def test_frames_whose_places_are_hidden_can_change_seats(model, batch):
    """Frames exchanged with their places give the same answers, exchanged: nothing else says where they are."""
    frames, ids = batch
    tokens, _ = model.see(frames)
    places, order = torch.tensor([[4, 5, 6, 7]]).expand(3, -1), torch.tensor([2, 0, 3, 1])
    straight, moved = model.join(tokens, ids, places), model.join(tokens[:, order], ids, places[:, order])
    torch.testing.assert_close(moved.frames, straight.frames[:, order], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved.lines, straight.lines, atol=1e-5, rtol=0)
    logits = model.pair_logits(straight)[1], model.pair_logits(moved)[1]
    torch.testing.assert_close(logits[1], logits[0][:, order][:, :, order], atol=1e-5, rtol=0)


def test_losses_equal_public_ones_on_the_models_own_outputs(model, batch):
    frames, ids = batch
    places = torch.tensor([[0, 1, 2, 3], [5, 1, 4, 3], [4, 5, 6, 7]])
    losses = merlot_losses(model, frames, ids, places, torch.Generator().manual_seed(0))
    seen, lines = model.see(frames)[1].flatten(0, 1), model.read(ids)[0].flatten(0, 1)
    torch.testing.assert_close(losses.contrast, ClipLoss()(seen, lines, torch.tensor(20.0)))
    torch.testing.assert_close(losses.total(), 0.25 * losses.contrast + losses.words + losses.order)
    alone = merlot_losses(
        model, frames, ids, places, torch.Generator().manual_seed(0), contrast=False, order=False
    )
    assert (alone.contrast, alone.order) == (None, None)
    torch.testing.assert_close(alone.total(), losses.words)


def test_a_constant_that_hides_nothing_divides_the_loss_by_a_hundred(model, batch):
    frames, ids = batch
    places = torch.tensor([[4, 5, 6, 7]]).expand(3, -1)
    right, wrong = (
        merlot_losses(model, frames, ids, places, torch.Generator().manual_seed(0), hidden_from=first).order
        for first in (None, 64)
    )
    torch.testing.assert_close(wrong, 0.01 * right)


def test_each_loss_reaches_the_parts_it_is_for(model, batch):
    frames, ids = batch
    places = torch.tensor([[4, 5, 6, 7]]).expand(3, -1)

    def reached(**on):
        model.zero_grad(set_to_none=True)
        off = {"contrast": False, "words": False, "order": False} | on
        merlot_losses(model, frames, ids, places, torch.Generator().manual_seed(0), **off).total().backward()
        parts = {"of_line", "of_frame", "line_frame", "frame_frame", "word", "frame_place", "encoder"}
        return {
            name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()
        } & parts

    assert reached(contrast=True) == {"of_line", "of_frame", "encoder"}
    assert reached(words=True) == {"word", "frame_place", "encoder"}
    assert reached(order=True) == {"line_frame", "frame_frame", "frame_place", "encoder"}


def test_attention_received_equals_pytorchs_weights_in_the_first_layer():
    torch.manual_seed(0)
    stack, x = Stack(16, 2, 4), torch.randn(2, 6, 16)
    received = attention_received(stack, x)
    torch.testing.assert_close(received.sum(dim=1), torch.full((2,), 12.0))
    one = Stack(16, 1, 4)
    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    block = one.blocks[0]
    theirs.in_proj_weight.data = torch.cat(
        [block.attention.query.weight, block.attention.key_value.weight]
    ).detach()
    theirs.in_proj_bias.data = torch.cat([block.attention.query.bias, block.attention.key_value.bias]).detach()
    inner = block.norm(x)
    expected = theirs(inner, inner, inner)[1].sum(dim=1)
    torch.testing.assert_close(attention_received(one, x), expected, atol=1e-5, rtol=0)


def test_the_tied_word_head_is_the_embedding(model):
    states = torch.randn(2, 16)
    expected = F.linear(model.word(states), model.embed.weight, model.word_bias)
    torch.testing.assert_close(model.word_logits(states), expected)


def test_bad_input_is_named(model, batch):
    frames, ids = batch
    tokens, _ = model.see(frames)
    with pytest.raises(ValueError, match="places"):
        model.join(tokens, ids, torch.full((3, 4), 8))
    with pytest.raises(ValueError, match="ids"):
        model.join(tokens, ids[:, :3])
    with pytest.raises(ValueError, match="ids"):
        model.read(ids.repeat(1, 2, 1))
