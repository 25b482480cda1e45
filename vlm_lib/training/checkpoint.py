"""What a training run leaves on disk so that a killed run goes on as if nothing had happened.

A checkpoint holds what the next step depends on: the trained parameters and all buffers, what the optimiser keeps
for each parameter (AdamW: two moments and a step count), and the history so far. It carries the set-up it belongs
to (settings, seed, digest of the model before the first step); a file of another set-up, or a damaged one, is
reported and the run starts anew. Chapter: 01_worlds.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from vlm_lib.cache import check_writable
from vlm_lib.training.weights import DamagedFile, read_weights, save_weights, state_digest


@dataclass
class History:
    """What a training run measured: one loss and one gradient norm (before clipping) a step, and the time it took.

    seconds: wall clock; cpu_seconds: processor time of this process, which other work on the machine does not
    swell. Both include the time before an interruption, up to the checkpoint that was resumed.
    """

    loss: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Checkpoint:
    """A training run's file at `path`, for one model, optimiser and set-up.

    settings: what the run's numbers depend on, as JSON can hold it. Raises: ValueError if nothing can be written
    at `path`, so that it is known before the training and not after it.
    """

    def __init__(self, path: Path | str, model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict):
        check_writable("checkpoint", path)
        self.path, self.model, self.optimizer = Path(path), model, optimizer
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        # all of the model, frozen parts included: a prefix trained for one language model means nothing to another
        self.setup = json.loads(json.dumps(settings)) | {"initial_state": state_digest(model.state_dict())}

    def save(self, history: History) -> None:
        """Write the state after the steps of `history`, in place of the file that was there. Raises: OSError."""
        tensors = {f"model/{name}": value for name, value in self._trained_state().items()}
        for name, parameter in self.trained.items():
            kept = self.optimizer.state.get(parameter, {})  # empty for a parameter no loss has reached
            tensors |= {f"optimizer/{key}/{name}": value for key, value in kept.items() if value is not None}
        tensors["history/loss"] = torch.tensor(history.loss, dtype=torch.float64)
        tensors["history/grad_norm"] = torch.tensor(history.grad_norm, dtype=torch.float64)
        times = {"seconds": history.seconds, "cpu_seconds": history.cpu_seconds}
        save_weights(tensors, self.path, {"setup": self.setup, **times})

    def restore(self) -> History:
        """Put the file's state into model and optimiser; without a usable file do nothing: an empty history."""
        try:
            tensors, metadata = read_weights(self.path)
        except FileNotFoundError:
            return History()
        except DamagedFile as error:
            warnings.warn(f"{error}; training starts from the beginning", stacklevel=3)
            return History()
        if metadata.get("setup") != self.setup:
            other = metadata.get("setup", {})
            differing = sorted(key for key in self.setup if other.get(key) != self.setup[key])
            warnings.warn(
                f"{self.path} belongs to another run (differs in {', '.join(differing)}); "
                "training starts from the beginning",
                stacklevel=3,
            )
            return History()
        with torch.no_grad():
            for name, value in self._trained_state().items():
                value.copy_(tensors[f"model/{name}"])
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, kept, name = key.split("/", 2)
                # AdamW counts its steps on the CPU, wherever the parameter is
                value = value if kept == "step" else value.to(self.trained[name].device)
                self.optimizer.state[self.trained[name]][kept] = value
        return History(
            tensors["history/loss"].tolist(),
            tensors["history/grad_norm"].tolist(),
            metadata["seconds"],
            metadata["cpu_seconds"],
        )

    def _trained_state(self) -> dict[str, torch.Tensor]:
        state = self.model.state_dict()
        return self.trained | {name: value for name, value in self.model.named_buffers() if name in state}
