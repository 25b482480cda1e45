"""VC-GPT against torch's and transformers' modules under copied weights, and what must be true by construction."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.models.cross_gpt2 import CrossGPT2
from vlm_lib.models.stack_torch import torch_layer
from vlm_lib.models.vc_gpt import VCGPT
from vlm_lib.training.weights import state_digest

WIDTH, IMAGE = 16, 6
SIZES = {"image_dim": IMAGE, "layers": 2, "heads": 2}


@pytest.fixture
def tokenizer():
    return world_tokenizer(worlds=("scenes",))


@pytest.fixture
def lm(tokenizer):
    torch.manual_seed(0)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    sizes = {"vocab_size": len(tokenizer), "n_positions": 32, "n_embd": WIDTH, "n_layer": 2, "n_head": 2}
    return GPT2LMHeadModel(GPT2Config(initializer_range=0.3, **sizes, **ends, **no_dropout)).eval()


@pytest.fixture
def tokens():
    return torch.randn(3, 5, IMAGE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def ids():
    return torch.randint(5, 40, (3, 7), generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_the_whole_model_is_gpt2_an_encoder_and_a_decoder_of_torch(lm, tokenizer, tokens, ids):
    ours = VCGPT(lm, tokenizer, **SIZES)
    for name, parameter in ours.named_parameters():
        if not name.startswith("lm."):
            nn.init.normal_(parameter, std=0.3)
    memory = nn.functional.linear(tokens, ours.project.weight, ours.project.bias)
    for block in ours.image_side.blocks:
        memory = torch_layer(block)(memory)
    norm = lambda x, own: nn.functional.layer_norm(x, (WIDTH,), own.weight, own.bias)  # noqa: E731
    memory = norm(memory, ours.image_side.norm)
    gpt2 = GPT2LMHeadModel(lm.config).eval()
    gpt2.load_state_dict(lm.state_dict())
    states = gpt2(ids, output_hidden_states=True).hidden_states[-1]  # behind the last norm
    fused, later = states, torch.ones(7, 7).triu(1).bool()
    for block in ours.text_side.blocks:
        fused = torch_layer(block)(fused, memory, tgt_mask=later)
    fused = norm(fused, ours.text_side.norm)
    expected = states @ ours.language_head.weight.T + fused @ ours.fusion_head.weight.T
    torch.testing.assert_close(ours.logits(tokens, ids), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_without_its_fusion_head_it_is_gpt2_to_the_bit(lm, tokenizer, tokens, ids):
    model = VCGPT(lm, tokenizer, **SIZES)
    model.fusion_head.weight.zero_()
    assert torch.equal(model.logits(tokens, ids), lm(ids).logits)


@torch.no_grad()
@pytest.mark.parametrize("start", ["random", "words"])
def test_two_heads_are_one_on_the_concatenated_states(lm, tokenizer, tokens, ids, start):
    model = VCGPT(lm, tokenizer, start=start, **SIZES)
    states = model.language_states(ids)
    joined = torch.cat([states, model.fused_states(states, tokens)], dim=-1)
    one = torch.cat([model.language_head.weight, model.fusion_head.weight], dim=1)
    torch.testing.assert_close(model.logits(tokens, ids), joined @ one.T, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_image_reaches_the_fusion_and_not_the_language_term(lm, tokenizer, tokens, ids):
    model = VCGPT(lm, tokenizer, **SIZES)
    before, after = model.terms(tokens, ids), model.terms(tokens + 1, ids)
    assert torch.equal(before.language, after.language)
    assert ((before.fusion - after.fusion).abs().amax(dim=-1) > 1e-5).all()


@torch.no_grad()
@pytest.mark.parametrize("kind", [VCGPT, CrossGPT2])
def test_no_position_sees_a_later_word(lm, tokenizer, tokens, ids, kind):
    model, changed = kind(lm, tokenizer, **SIZES), ids.clone()
    changed[:, 4] += 1
    moved = (model.logits(tokens, ids) - model.logits(tokens, changed)).abs().amax(dim=(0, 2))
    assert (moved[:4] == 0).all()
    assert (moved[4:] > 0).all()


@torch.no_grad()
def test_without_self_ensemble_only_the_fusion_speaks(lm, tokenizer, tokens, ids):
    model = VCGPT(lm, tokenizer, ensemble=False, start="words", **SIZES)
    language, fusion = model.terms(tokens, ids)
    assert (language == 0).all()
    assert torch.equal(model.logits(tokens, ids), fusion)
    assert torch.equal(model.fusion_head.weight, lm.lm_head.weight)


@pytest.mark.parametrize("kind", [VCGPT, CrossGPT2])
@pytest.mark.parametrize("tune_lm", [True, False])
def test_the_given_lm_never_changes_and_a_frozen_one_gets_no_gradient(lm, tokenizer, tokens, kind, tune_lm):
    before, texts = state_digest(lm.state_dict()), ["a red ring .", "a blue star above a red ring .", "a star ."]
    model = kind(lm, tokenizer, tune_lm=tune_lm, **SIZES)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.loss(tokens, model.targets(texts)).backward()
    optimizer.step()
    assert state_digest(lm.state_dict()) == before
    with torch.no_grad():
        probe = torch.tensor([[3, 5, 8]])
        same = torch.equal(model.language_model()(probe).logits, lm(probe).logits)
    assert same is not tune_lm


@torch.no_grad()
def test_cross_attention_inside_is_skipped_without_an_image(lm, tokenizer, tokens, ids):
    model = CrossGPT2(lm, tokenizer, tune_lm=False, **SIZES)
    assert torch.equal(model.language_model()(ids).logits, lm(ids).logits)
    assert (model.logits(tokens, ids) - lm(ids).logits).abs().max() > 1e-4
    new = {name for name, parameter in model.lm.named_parameters() if parameter.requires_grad}
    assert new
    assert all("cross" in name for name in new)


@torch.no_grad()
def test_the_untied_head_belongs_to_the_language_model(lm, tokenizer, tokens, ids):
    model = VCGPT(lm, tokenizer, **SIZES)
    model.language_head.weight.mul_(2)
    torch.testing.assert_close(model.language_model()(ids).logits, model.terms(tokens, ids).language)
    assert torch.equal(model.lm.get_output_embeddings().weight, lm.get_output_embeddings().weight)


@torch.no_grad()
@pytest.mark.parametrize("kind", [VCGPT, CrossGPT2])
def test_padding_does_not_count_and_captions_end_at_eos(lm, tokenizer, tokens, kind):
    model = kind(lm, tokenizer, **SIZES).eval()
    short, long = "a ring .", "a red ring above a blue star ."
    both = model.targets([short, long])
    each = [model.loss(tokens[i : i + 1], model.targets([text])) for i, text in enumerate((short, long))]
    counts = (both >= 0).sum(dim=1)
    expected = sum(loss * n for loss, n in zip(each, counts, strict=True)) / counts.sum()
    torch.testing.assert_close(model.loss(tokens[:2], both), expected)
    assert both[0].tolist()[-1] == -100
    said = model.captions(tokens, max_tokens=5)
    for text, image in zip(said, tokens, strict=True):
        assert model.captions(image[None], max_tokens=5) == [text]
        assert "<eos>" not in text


def test_bad_input_is_named(lm, tokenizer, tokens):
    with pytest.raises(ValueError, match="start"):
        VCGPT(lm, tokenizer, start="zero", **SIZES)
    with pytest.raises(ValueError, match="tokens"):
        VCGPT(lm, tokenizer, **SIZES).memory(tokens[..., :3])
    with pytest.raises(ValueError, match="texts: got 'a ring'"):
        VCGPT(lm, tokenizer, **SIZES).targets("a ring")
    with pytest.raises(ValueError, match="lm is a Linear, expected a GPT2LMHeadModel"):
        CrossGPT2(nn.Linear(2, 2), tokenizer, **SIZES)
