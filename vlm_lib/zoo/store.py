"""Train once, keep, and load: what every trained model of the zoo has in common. Chapter: 01_worlds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import nn

from vlm_lib.cache import cache_dir
from vlm_lib.training.checkpoint import History
from vlm_lib.training.weights import DamagedFile, read_weights, save_weights


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
    content = json.dumps([name, asdict(recipe), world], sort_keys=True)
    return cache_dir() / "zoo" / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.safetensors"


def trained(
    path: Path,
    recipe: Any,
    model: nn.Module,
    train: Callable[[nn.Module, Path, str | None], History],
    measure: Callable[[nn.Module], dict[str, float]],
    title: str,
) -> Card:
    """Fill the freshly built `model` with the weights at `path`; if there are none, train, measure and keep them.

    A damaged or foreign file is reported and replaced. A training that was interrupted goes on from its
    checkpoint; a second process that asks for the same model waits for the first. The model is left frozen
    and in evaluation mode.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        card = _load(path, model)
        if card is None:
            checkpoint = path.with_suffix(".training")
            with _one_thread():
                history = train(model, checkpoint, f"training {title}, once")
                model.eval()
                with torch.no_grad():
                    quality = measure(model)
            facts = {"recipe": asdict(recipe), "quality": quality}
            facts |= {"seconds": history.seconds, "cpu_seconds": history.cpu_seconds}
            save_weights(model, path, facts)
            checkpoint.unlink(missing_ok=True)
            card = _card(path, model, facts)
    model.requires_grad_(False).eval()
    return card


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One thread, whatever the machine has: models this small gain nothing from a second one (measured: the same
    time, twice the work), and the numbers then don't depend on how many cores there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load(path: Path, model: nn.Module) -> Card | None:
    try:
        weights, facts = read_weights(path)
        expected = {name: value.shape for name, value in model.state_dict().items()}
        if {name: value.shape for name, value in weights.items()} != expected:
            raise DamagedFile(f"{path} holds the weights of another model")
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        warnings.warn(f"{error}; training the model again", stacklevel=4)
        return None
    model.load_state_dict(weights)
    return _card(path, model, facts)


def _card(path: Path, model: nn.Module, facts: dict[str, Any]) -> Card:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Card(path, parameters=parameters, size=path.stat().st_size, **facts)
