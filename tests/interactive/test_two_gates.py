"""The recorded gates: the model's own at each threshold, and the static picture holds them."""

import re

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.evaluation.gate_shares import KINDS, gate_shares, threshold
from vlm_lib.interactive.two_gates import Recorded, Setting, record, two_gates
from vlm_lib.models.visualgpt import VisualGPT

PICTURES = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
TRUTH = ["a ring ."]


def recorded(taus=(0.0, 0.2), said="a star ."):
    return Recorded("state", 0.2, [Setting(tau, [[0.1, 0.7, 0.2, 0.0]], 1.5, [said]) for tau in taus])


def test_record_is_the_model_run_with_each_threshold():
    tokenizer = world_tokenizer(worlds=("scenes",))
    torch.manual_seed(0)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=16, n_embd=16, n_layer=2, n_head=2, initializer_range=1.0, **ends
    )
    model = VisualGPT(GPT2LMHeadModel(config), tokenizer, features=4).eval()
    tokens, captions = torch.randn(2, 3, 4), ["a small red ring .", "a star ."]
    got = record(model, tokens, captions, formula="state", own=0.2, taus=(0.0, 0.4), shown=1, max_tokens=3)
    for setting in got.settings:
        with torch.no_grad(), threshold(model, setting.tau):
            shares = gate_shares(model, tokens, model.targets(captions))
            assert setting.nats == pytest.approx(model.loss(tokens, model.targets(captions)).item(), abs=1e-3)
            assert setting.captions == model.captions(tokens[:1], max_tokens=3)
        for block, known in zip(setting.shares, shares, strict=True):
            assert block == pytest.approx([known[kind] for kind in KINDS], abs=1e-4)
    assert got.settings[0].shares != got.settings[1].shares


def test_the_static_picture_holds_shares_loss_and_captions():
    html = two_gates({"paper": recorded()}, PICTURES, TRUTH, start=0.2).html
    static = re.search(r'<div class="vlm-static">(.*?)</div><div class="vlm-live"', html, flags=re.DOTALL)[1]
    for part in ("paper, block 1", "70 %", "1.50", "a star .", "threshold 0.2"):
        assert part in static


def test_recordings_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="other thresholds"):
        two_gates({"a": recorded(), "b": recorded((0.0, 0.3))}, PICTURES, TRUTH, start=0.2)
    with pytest.raises(ValueError, match="start: got 0.3"):
        two_gates({"a": recorded()}, PICTURES, TRUTH, start=0.3)
    with pytest.raises(ValueError, match=r"'a' has \[1\] captions, expected 2"):
        two_gates({"a": recorded()}, PICTURES.expand(2, -1, -1, -1), TRUTH * 2, start=0.2)
