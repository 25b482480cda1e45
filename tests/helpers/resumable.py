"""A training with all that a resumed run can get wrong: dropout, running statistics, a frozen part, a group apart.

`python -m helpers.resumable FILE THREADS` trains it slowly, with a checkpoint in FILE, and prints each step.
"""

import sys
import time

import torch
from torch import nn

from vlm_lib.training import fit
from vlm_lib.training.seeds import seed_everything

STEPS = 60


def build(seed=0):
    seed_everything(seed)
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.GELU(), nn.Linear(16, 4))
    model[0].weight.requires_grad_(False)
    return model


def batches(step):
    x = torch.randn(12, 8, generator=torch.Generator().manual_seed(step))
    return x, x[:, :4].sin() + 0.1 * torch.randn(12, 4)


def loss_fn(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def train(model, checkpoint, batches=batches, **changes):
    settings = {
        "steps": STEPS,
        "lr": 1e-2,
        "warmup": 5,
        "seed": 3,
        "checkpoint": checkpoint,
        "checkpoint_every": 7,
    }
    settings["param_groups"] = [{"params": [model[4].bias], "lr_scale": 10.0}]
    return fit(model, batches, loss_fn, **(settings | changes))


def slow(step):
    print(step, flush=True)
    time.sleep(0.02)
    return batches(step)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    train(build(), sys.argv[1], slow)
