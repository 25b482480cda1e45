"""ClipCap's mappers against torch's own transformer; the loss against transformers' labels; frozen and tuned."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.models.clipcap import MAPPERS, ClipCap, LinearMapper, MLPMapper, TransformerMapper
from vlm_lib.training.weights import state_digest

FEATURES, WIDTH, LENGTH = 6, 16, 3


@pytest.fixture
def tokenizer():
    return world_tokenizer(worlds=("scenes",))


@pytest.fixture
def lm(tokenizer):
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=32, n_embd=WIDTH, n_layer=2, n_head=2)
    return GPT2LMHeadModel(config).eval()


def reference(mapper: TransformerMapper) -> nn.TransformerEncoder:
    """torch's encoder with the mapper's weights: the released module in the words of a public one."""
    heads, width = mapper.layers[0].heads, mapper.width
    layer = nn.TransformerEncoderLayer(
        width, heads, 2 * width, dropout=0.0, activation="relu", norm_first=True, batch_first=True
    )
    encoder = nn.TransformerEncoder(layer, len(mapper.layers), enable_nested_tensor=False)
    with torch.no_grad():
        for theirs, ours in zip(encoder.layers, mapper.layers, strict=True):
            attention = theirs.self_attn
            attention.in_proj_weight.copy_(torch.cat([ours.to_queries.weight, ours.to_keys_values.weight]))
            attention.in_proj_bias.zero_()
            for to, source in (
                (attention.out_proj, ours.project),
                (theirs.linear1, ours.fc1),
                (theirs.linear2, ours.fc2),
                (theirs.norm1, ours.norm1),
                (theirs.norm2, ours.norm2),
            ):
                to.load_state_dict(source.state_dict())
    return encoder


@pytest.mark.parametrize("image_tokens", [None, 5])
def test_the_transformer_mapper_is_torchs_encoder_under_copied_weights(image_tokens):
    mapper = TransformerMapper(FEATURES, WIDTH, LENGTH, image_tokens=image_tokens, layers=3, heads=4)
    features = torch.randn(5, FEATURES)
    image = nn.functional.linear(features, mapper.linear.weight, mapper.linear.bias).view(5, -1, WIDTH)
    constants = mapper.constants[None].expand(5, -1, -1)
    expected = reference(mapper)(torch.cat([image, constants], dim=1))[:, -LENGTH:]
    torch.testing.assert_close(mapper(features), expected, atol=1e-5, rtol=0)


def test_the_mlp_is_two_matrices_with_tanh_between():
    mapper = MLPMapper(FEATURES, WIDTH, LENGTH)
    first, _, second = mapper.mlp
    features = torch.randn(4, FEATURES)
    hidden = (features @ first.weight.T + first.bias).tanh()
    assert hidden.shape == (4, LENGTH * WIDTH // 2)
    expected = (hidden @ second.weight.T + second.bias).view(4, LENGTH, WIDTH)
    torch.testing.assert_close(mapper(features), expected)


@pytest.mark.parametrize(
    ("make", "millions"),
    [
        (lambda: MLPMapper(640, 768, 10), 31.96),  # the paper's table 1: 32M, 43M
        (lambda: TransformerMapper(640, 768, 10), 42.73),
        (lambda: MLPMapper(640, 768, 40), 481.74),  # "over 450M", its section 4
    ],
)
def test_sizes_are_those_of_the_paper(make, millions):
    with torch.device("meta"):
        mapper = make()
    assert sum(p.numel() for p in mapper.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize("kind", MAPPERS)
@pytest.mark.parametrize("tune_lm", [False, True])
def test_the_loss_is_transformers_own_with_the_prefix_left_out(kind, tune_lm, lm, tokenizer):
    options = {"layers": 1, "heads": 2} if kind == "transformer" else {}
    model = ClipCap(MAPPERS[kind](FEATURES, WIDTH, LENGTH, **options), lm, tokenizer, tune_lm=tune_lm)
    features, targets = (
        torch.randn(2, FEATURES),
        model.targets(["a red circle .", "a small star left of a ring ."]),
    )
    words = lm.get_input_embeddings()(targets.clamp(min=0))
    inputs = torch.cat([model.mapper(features), words], dim=1)
    labels = torch.cat([torch.full((2, LENGTH), -100), targets], dim=1)
    expected = lm(inputs_embeds=inputs, labels=labels).loss
    torch.testing.assert_close(model.loss(features, targets), expected)


def test_a_frozen_lm_gets_no_gradient_and_a_tuned_one_is_a_copy(lm, tokenizer):
    features, before = torch.randn(2, FEATURES), state_digest(lm.state_dict())
    for tune_lm in (False, True):
        mapper = LinearMapper(FEATURES, WIDTH, LENGTH)
        model = ClipCap(mapper, lm, tokenizer, tune_lm=tune_lm).train()
        model.loss(features, model.targets(["a red circle .", "a star ."])).backward()
        assert all((p.grad is not None) == tune_lm for p in model.lm.parameters())
        assert mapper.linear.weight.grad.abs().sum() > 0
        torch.optim.SGD(model.parameters(), lr=1.0).step()
        assert state_digest(lm.state_dict()) == before  # the LM that was given is nobody's to change
        assert (state_digest(model.lm.state_dict()) != before) == tune_lm


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearMapper(FEATURES, WIDTH, 0), "length"),
        (lambda: TransformerMapper(FEATURES, WIDTH, 2, heads=3), "heads"),
        (lambda: MLPMapper(FEATURES, WIDTH, 2)(torch.randn(3, FEATURES + 1)), "features"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
