"""The shares of units against a count by hand of the states that the gates were given."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.evaluation.gate_shares import KINDS, gate_shares, threshold
from vlm_lib.models.srau import StateGates
from vlm_lib.models.visualgpt import VisualGPT

TOKENIZER = world_tokenizer(worlds=("scenes",))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(TOKENIZER), n_positions=16, n_embd=16, n_layer=2, n_head=2, initializer_range=1.0,
        bos_token_id=TOKENIZER.bos_token_id, eos_token_id=TOKENIZER.eos_token_id,
    )  # fmt: skip
    return VisualGPT(GPT2LMHeadModel(config), TOKENIZER, features=4).eval()


def states_of(model, tokens, targets):
    heard, hooks = [], []
    for block in model.blocks:
        listen = lambda module, inputs: heard.append(inputs[0][targets != -100])  # noqa: E731
        hooks.append(block.fusions[0].register_forward_pre_hook(listen))
    with torch.no_grad():
        model(tokens, model.inputs(targets))
    for hook in hooks:
        hook.remove()
    return heard


@pytest.mark.parametrize("tau", [0.2, 0.6])
def test_shares_are_a_count_of_states_beyond_the_closing_points(model, tau):
    tokens, targets = torch.randn(2, 3, 4), model.targets(["a small red ring .", "a star ."])
    with threshold(model, tau):
        heard, got = states_of(model, tokens, targets), gate_shares(model, tokens, targets)
    for states, shares in zip(heard, got, strict=True):
        share = states.double().sigmoid()
        image, text = share > tau, share < 1 - tau
        expected = [(text & ~image), (text & image), (image & ~text), ~(image | text)]
        for kind, units in zip(KINDS, expected, strict=True):
            assert shares[kind] == pytest.approx(float(units.double().mean()), abs=1e-6)
        assert sum(shares.values()) == pytest.approx(1)


def test_the_threshold_is_set_within_the_block_only_also_after_an_error(model):
    def taus():
        return [m.tau for m in model.modules() if isinstance(m, StateGates)]

    with threshold(model, 0.4):
        assert taus() == [0.4, 0.4]
    assert taus() == [0.2, 0.2]
    with pytest.raises(RuntimeError), threshold(model, 0.3):
        raise RuntimeError
    assert taus() == [0.2, 0.2]


def test_a_model_without_gates_is_refused(model):
    plain = VisualGPT(model.language_model(), TOKENIZER, features=4, fusion="plain")
    with pytest.raises(ValueError, match="no gates"):
        gate_shares(plain, torch.randn(1, 3, 4), plain.targets(["a ring ."]))
