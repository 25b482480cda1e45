"""Weights on disk: safetensors with a checksum, written so that a reader never sees half a file.

safetensors holds numbers only, so loading runs no code (a pickle may). It does not notice a flipped bit; the
SHA-256 kept in the file's own header does. Chapter: 01_worlds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vlm_lib.cache import write_atomically

CHECKSUM, METADATA = "vlm_lib.sha256", "vlm_lib.metadata"


class DamagedFile(Exception):
    """A weights file that was cut short, altered, or not written by this library."""


def save_weights(
    weights: nn.Module | Mapping[str, Tensor], path: Path | str, metadata: Mapping | None = None
) -> None:
    """Write a module's state, or named tensors, with `metadata` (anything JSON can hold) to a safetensors file.

    Tensors that share memory (GPT-2's input and output embedding) are stored once. The file appears under its name
    only when complete (`write_atomically`). Raises: ValueError if there is nothing to save or `metadata` is not
    JSON; OSError if the file cannot be written.
    """
    state = weights.state_dict() if isinstance(weights, nn.Module) else dict(weights)
    if not state:
        raise ValueError("weights: got no tensors, expected at least one")
    unique, aliases = _without_aliases(state)
    try:
        note = json.dumps({"metadata": dict(metadata or {}), "aliases": aliases}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata: {error}, expected what JSON can hold") from None
    content = safetensors.torch.save(unique, {METADATA: note, CHECKSUM: _checksum(unique, note)})
    write_atomically(path, content)


def load_weights(path: Path | str) -> dict[str, Tensor]:
    """Read the tensors that `save_weights` wrote, on the CPU.

    Raises: FileNotFoundError; DamagedFile, naming the path, if the file is not exactly what was written.
    """
    return read_weights(path)[0]


def read_weights(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the metadata of a file of `save_weights`. Raises: as `load_weights`."""
    with _opened(path) as file:
        header = file.metadata() or {}
        # clones: what safetensors returns is a view of the file, and changes if the file is overwritten
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)
    if CHECKSUM not in header or METADATA not in header:
        raise DamagedFile(f"{path} carries no checksum: it was not written by vlm_lib")
    if _checksum(tensors, header[METADATA]) != header[CHECKSUM]:
        raise DamagedFile(f"{path} does not match its checksum: its content changed after it was written")
    note = json.loads(header[METADATA])
    return tensors | {name: tensors[first] for name, first in note["aliases"].items()}, note["metadata"]


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Only the metadata, without reading or checking the tensors. Raises: FileNotFoundError, DamagedFile."""
    with _opened(path) as file:
        header = file.metadata() or {}
    if METADATA not in header:
        raise DamagedFile(f"{path} carries no metadata: it was not written by vlm_lib")
    return json.loads(header[METADATA])["metadata"]


@contextlib.contextmanager
def _opened(path: Path | str) -> Iterator[Any]:
    """The safetensors file at `path`; what is wrong with it on opening or reading becomes a `DamagedFile`."""
    if not Path(path).exists():
        raise FileNotFoundError(f"no weights at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise DamagedFile(f"{path} cannot be read as safetensors ({error})") from error


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of named tensors: equal if they are equal bit for bit."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _checksum(state: Mapping[str, Tensor], note: str) -> str:
    return hashlib.sha256(f"{note}{state_digest(state)}".encode()).hexdigest()


def _without_aliases(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Split off names that point to a tensor already present: {name: tensor}, {name: first name}."""
    unique: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    seen: dict[tuple, str] = {}
    for name, tensor in state.items():
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if tensor.numel() and place in seen:
            aliases[name] = seen[place]
        else:
            seen[place] = name
            # a clone: views of one buffer (q, k, v of one projection) are refused by safetensors
            unique[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    return unique, aliases
