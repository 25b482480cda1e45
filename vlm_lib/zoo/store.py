"""Built once, kept, and loaded: what every model of the zoo has in common. Chapter: 01_worlds."""

from __future__ import annotations

import hashlib
import json
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn

from vlm_lib.cache import cache_dir, check_writable
from vlm_lib.training import History
from vlm_lib.training.seeds import random_state_kept
from vlm_lib.training.threads import one_thread
from vlm_lib.training.weights import DamagedFile, read_weights, save_weights

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Card:
    """What is known about a trained model: its file, how it was made, and what was measured on held-out data.

    size: bytes on disk; seconds, cpu_seconds: the training's; quality: measured once after training, by name.
    """

    path: Path
    recipe: dict[str, Any]
    parameters: int
    size: int
    seconds: float
    cpu_seconds: float
    quality: dict[str, float]


def recipe_path(name: str, recipe: Any, world: str) -> Path:
    """Where a model made by `recipe` (a dataclass) from data with the fingerprint `world` is kept.

    The file's name holds a hash of both, so that a changed recipe or changed data never meets old weights.
    """
    content = json.dumps([name, plain(recipe), world], sort_keys=True)
    return cache_dir() / "zoo" / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.safetensors"


def plain(recipe: Any) -> dict[str, Any]:
    """A dataclass as JSON holds it, NumPy's integers as plain ones."""
    return json.loads(json.dumps(asdict(recipe), default=operator.index))


def cached(path: Path, build: Callable[[Path], tuple[State, Mapping[str, Any]]]) -> tuple[State, dict[str, Any]]:
    """The tensors and facts at `path`; if there are none, those that `build` returns, which are then kept there.

    build: called with a path beside `path` where a long build may keep its checkpoint; that file is removed once
        the result is written. Facts are what JSON can hold.

    A file that is damaged, foreign or kept under another name than it was written for is reported and built again.
    A second process that asks for the same file waits for the first. Reading needs no lock and no right to write.
    Raises: ValueError if something is to be built and `path` cannot be written.
    """
    found = _read(path)
    if found is None:
        check_writable("VLM_LIB_CACHE", path)
        with FileLock(path.with_suffix(".lock")):
            found = _read(path, report=False)  # another process may have built it meanwhile
            if found is None:
                unfinished = path.with_suffix(".training")
                state, facts = build(unfinished)
                save_weights(state, path, {"name": path.name, **facts})
                unfinished.unlink(missing_ok=True)
                found = _read(path)
    return found


def load_or_train(
    model: nn.Module,
    path: Path,
    recipe: Any,
    *,
    train: Callable[[Path], History],
    measure: Callable[[], dict[str, float]],
) -> Card:
    """Fill the freshly built `model` with the weights at `path`; if there are none, train, measure and keep them.

    train: trains `model`, keeping its state in the file it is called with; measure: looks at the trained model.
    Both run on one thread, and the global random state is left as found. The model is left frozen, in evaluation
    mode.
    """

    def build(checkpoint: Path) -> tuple[State, dict[str, Any]]:
        with one_thread(), random_state_kept():
            history = train(checkpoint)
            model.eval()
            with torch.no_grad():
                quality = measure()
        times = {"seconds": history.seconds, "cpu_seconds": history.cpu_seconds}
        return model.state_dict(), {"recipe": plain(recipe), "quality": quality, **times}

    state, facts = cached(path, build)
    model.load_state_dict(state)
    model.requires_grad_(False).eval()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Card(path, parameters=parameters, size=path.stat().st_size, **facts)


def _read(path: Path, *, report: bool = True) -> tuple[State, dict[str, Any]] | None:
    try:
        state, facts = read_weights(path)
        if facts.pop("name", None) != path.name:
            raise DamagedFile(f"{path} was not written under this name")
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        if report:
            warnings.warn(f"{error}; building it again", stacklevel=5)
        return None
    return state, facts
