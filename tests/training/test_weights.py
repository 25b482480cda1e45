"""Weights on disk: what is written comes back bit for bit, and anything else is noticed."""

import pytest
import safetensors.torch
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.training.weights import (
    DamagedFile,
    load_weights,
    read_metadata,
    read_weights,
    save_weights,
    state_digest,
)

READERS = [load_weights, read_metadata]


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "deep" / "weights.safetensors"
    save_weights({"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}, path, {"steps": 3})
    return path


def test_tensors_and_metadata_come_back(saved):
    tensors, metadata = read_weights(saved)
    assert metadata == read_metadata(saved) == {"steps": 3}
    assert torch.equal(tensors["a"], torch.arange(6.0).view(2, 3))
    assert tensors["b"].dtype == torch.bfloat16
    assert torch.equal(tensors["b"], torch.ones(4, dtype=torch.bfloat16))


def test_loaded_tensors_do_not_follow_the_file(saved):
    loaded = load_weights(saved)
    saved.write_bytes(bytes(len(saved.read_bytes())))
    assert torch.equal(loaded["a"], torch.arange(6.0).view(2, 3))


def test_scalars_empty_tensors_and_views_come_back(tmp_path):
    base = torch.arange(12.0).view(3, 4)
    state = {"scalar": torch.tensor(2), "none": torch.zeros(0, 3), "turned": base.T, "part": base[:, :2]}
    save_weights(state, tmp_path / "w")
    loaded = load_weights(tmp_path / "w")
    assert set(loaded) == set(state)
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_tied_embeddings_are_stored_once_and_come_back_twice(tmp_path):
    model = GPT2LMHeadModel(GPT2Config(vocab_size=1000, n_embd=32, n_layer=1, n_head=2, n_positions=8))
    save_weights(model, tmp_path / "lm")
    embedding_bytes = 1000 * 32 * 4
    parameter_bytes = sum(p.numel() * 4 for p in model.parameters())
    assert (tmp_path / "lm").stat().st_size < parameter_bytes + embedding_bytes
    loaded = load_weights(tmp_path / "lm")
    assert set(loaded) == set(model.state_dict())
    assert torch.equal(loaded["lm_head.weight"], model.transformer.wte.weight)
    GPT2LMHeadModel(model.config).load_state_dict(loaded)


@pytest.mark.parametrize("read", READERS)
def test_truncated_file_is_damaged(saved, read):
    saved.write_bytes(saved.read_bytes()[:-5])
    with pytest.raises(DamagedFile, match=str(saved)):
        read(saved)


def test_one_flipped_bit_anywhere_in_the_tensors_is_damaged(saved):
    content = bytearray(saved.read_bytes())
    for place in range(len(content) - 32, len(content), 5):  # 24 + 8 bytes of tensors end the file
        flipped = bytearray(content)
        flipped[place] ^= 1
        saved.write_bytes(flipped)
        with pytest.raises(DamagedFile, match="does not match its checksum"):
            load_weights(saved)


def test_changed_metadata_is_damaged(saved):
    saved.write_bytes(saved.read_bytes().replace(b'\\"steps\\": 3', b'\\"steps\\": 4'))
    assert read_metadata(saved) == {"steps": 4}
    with pytest.raises(DamagedFile, match="does not match its checksum"):
        load_weights(saved)


@pytest.mark.parametrize("read", READERS)
def test_foreign_files_are_refused(tmp_path, read):
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "foreign")
    with pytest.raises(DamagedFile, match="not written by vlm_lib"):
        read(tmp_path / "foreign")
    torch.save({"a": torch.ones(2)}, tmp_path / "pickle")
    with pytest.raises(DamagedFile, match="cannot be read as safetensors"):
        read(tmp_path / "pickle")


@pytest.mark.parametrize("read", READERS)
def test_missing_file(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="no weights at"):
        read(tmp_path / "nothing")


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="weights: got no tensors"):
        save_weights(nn.ReLU(), tmp_path / "w")
    with pytest.raises(ValueError, match="metadata: .*JSON"):
        save_weights({"a": torch.ones(1)}, tmp_path / "w", {"path": tmp_path})
    with pytest.raises(ValueError, match="metadata: .*JSON"):
        save_weights({"a": torch.ones(1)}, tmp_path / "w", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_digest_sees_names_types_shapes_and_bits():
    state = {"a": torch.zeros(4), "b": torch.ones(2)}
    same = {"b": torch.ones(2), "a": torch.zeros(4)}
    others = [
        {"a": torch.zeros(4), "c": torch.ones(2)},
        {"a": torch.zeros(2, 2), "b": torch.ones(2)},
        {"a": torch.zeros(4, dtype=torch.int32), "b": torch.ones(2)},
        {"a": torch.tensor([0.0, 0.0, 0.0, -0.0]), "b": torch.ones(2)},
    ]
    assert state_digest(state) == state_digest(same)
    assert state_digest(state) not in {state_digest(other) for other in others}
