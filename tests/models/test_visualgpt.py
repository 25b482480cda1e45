"""VisualGPT against transformers' GPT-2, without an image and with its own cross-attention."""

import copy

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.models.gpt2_weights import copy_from_gpt2, copy_to_gpt2
from vlm_lib.models.srau import FUSIONS
from vlm_lib.models.visualgpt import FusedBlock, VisualGPT

TOKENIZER = world_tokenizer(worlds=("scenes",))
CAPTIONS = ["a small red ring .", "a large blue star above and left of a small red ring ."]


def gpt2(**options):
    torch.manual_seed(0)
    ends = {"bos_token_id": TOKENIZER.bos_token_id, "eos_token_id": TOKENIZER.eos_token_id}
    config = GPT2Config(
        vocab_size=len(TOKENIZER), n_positions=24, n_embd=16, n_layer=2, n_head=4, initializer_range=0.3,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **ends, **options,
    )  # fmt: skip
    lm = GPT2LMHeadModel(config).eval()
    for name, parameter in lm.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3)  # zeros would hide an exchange
    return lm


def small(fusion="srau", **options):
    torch.manual_seed(1)
    return VisualGPT(gpt2(), TOKENIZER, features=6, fusion=fusion, **options).eval()


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_without_an_image_it_is_gpt2(activation):
    lm = gpt2(activation_function=activation)
    ours = VisualGPT(lm, TOKENIZER, features=6)
    ids = torch.randint(len(TOKENIZER), (3, 9))
    torch.testing.assert_close(ours(None, ids), lm(input_ids=ids).logits, atol=1e-5, rtol=1e-5)


def test_with_plain_fusion_it_is_gpt2_with_cross_attention():
    lm = gpt2(add_cross_attention=True)
    ours = VisualGPT(lm, TOKENIZER, features=6, fusion="plain")
    ids, memory = torch.randint(len(TOKENIZER), (3, 9)), torch.randn(3, 5, 16)
    theirs = lm(input_ids=ids, encoder_hidden_states=memory).logits
    torch.testing.assert_close(ours.write([memory], ids), theirs, atol=1e-5, rtol=1e-5)


def test_cross_attention_is_that_of_torch():
    torch.manual_seed(2)
    block, theirs = FusedBlock(16, 4, fusion="plain"), nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([block.cross.query.weight, block.cross.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([block.cross.query.bias, block.cross.key_value.bias]))
        theirs.out_proj.load_state_dict(block.cross.out.state_dict())
        state, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
        question = nn.functional.layer_norm(state, (16,))
        expected = state + theirs(question, memory, memory)[0]
        torch.testing.assert_close(block.look(state, [memory]), expected)


def test_several_encoder_layers_are_summed_and_divided_by_the_root_of_their_number():
    block = FusedBlock(16, 4, fusion="plain", memories=3)
    state, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    one = FusedBlock(16, 4, fusion="plain")
    one.load_state_dict(block.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(block.look(state, [memory] * 3), 3**0.5 * one.look(state, [memory]))


def test_weights_go_into_gpt2_and_come_back():
    lm, model = gpt2(), small()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    copy_to_gpt2(model, lm)
    again = small()
    copy_from_gpt2(lm, again)
    ids = torch.randint(len(TOKENIZER), (2, 7))
    torch.testing.assert_close(again(None, ids), model(None, ids))
    taken_out = model.language_model()(input_ids=ids).logits
    torch.testing.assert_close(taken_out, model(None, ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_word_sees_a_later_one_and_every_word_sees_the_image(fusion):
    model, tokens = small(fusion), torch.randn(1, 5, 6)
    ids = torch.randint(4, len(TOKENIZER), (1, 8))
    later = ids.clone()
    later[0, 5] = (ids[0, 5] + 1) % len(TOKENIZER)
    change = lambda a, b: (a - b).abs().amax(dim=-1)[0]  # noqa: E731
    with torch.no_grad():
        before = model(tokens, ids)
        assert (change(model(tokens, later), before) > 1e-5).tolist() == [i >= 5 for i in range(8)]
        assert (change(model(tokens + 1 * torch.randn(1, 5, 6), ids), before) > 1e-5).all()
        torch.testing.assert_close(model(tokens[:, torch.randperm(5)], ids), before, atol=1e-5, rtol=1e-5)


def test_padding_does_not_count_and_the_end_does():
    model, tokens = small(), torch.randn(2, 5, 6)
    both = model.targets(CAPTIONS)
    assert both[1, -1] == TOKENIZER.eos_token_id
    with torch.no_grad():
        alone = [model.loss(tokens[i : i + 1], model.targets([CAPTIONS[i]])) for i in range(2)]
        counts = [len(model.targets([caption])[0]) for caption in CAPTIONS]
        mean = sum(loss * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
        torch.testing.assert_close(model.loss(tokens, both), mean)


def test_it_learns_to_say_two_captions():
    torch.manual_seed(0)
    model, tokens = small(), torch.randn(2, 5, 6)
    targets, update = model.targets(CAPTIONS), torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        update.zero_grad()
        model.loss(tokens, targets).backward()
        update.step()
    assert model.captions(tokens, max_tokens=20) == CAPTIONS
    assert model.captions(tokens, max_tokens=2) == [" ".join(c.split()[:2]) for c in CAPTIONS]


def test_start_and_end_may_be_one_mark_as_in_the_released_gpt2():
    torch.manual_seed(0)
    model, tokens = small(), torch.randn(2, 5, 6)
    model.tokenizer = copy.deepcopy(TOKENIZER)
    model.tokenizer.bos_token = model.tokenizer.eos_token
    targets, update = model.targets(CAPTIONS), torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        update.zero_grad()
        model.loss(tokens, targets).backward()
        update.step()
    assert model.captions(tokens, max_tokens=20) == CAPTIONS


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="ids: 25 words, expected at most 24"):
        small()(None, torch.zeros(1, 25, dtype=torch.long))
    with pytest.raises(ValueError, match="tokens has shape"):
        small()(torch.randn(1, 5, 7), torch.zeros(1, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="activation 'relu'"):
        VisualGPT(gpt2(activation_function="relu"), TOKENIZER, features=6)
    with pytest.raises(ValueError, match="layers"):
        small(encoder_layers=0)
