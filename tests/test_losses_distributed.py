"""The contrastive loss over ranks: gloo processes on this machine against one process with the whole
batch."""

import json
import math
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from vlm_lib.losses import contrastive_loss

OPTIONS = [
    {"impl": impl, "chunk_size": 3, "labelled": labelled}
    for impl in ("dense", "one_buffer", "chunked", "auto")
    for labelled in (False, True)
]


class TwoEncoders(torch.nn.Module):
    """Two linear encoders and a learned scale: what DDP wraps."""

    def __init__(self):
        super().__init__()
        self.image = torch.nn.Linear(6, 5, bias=False, dtype=torch.float64)
        self.text = torch.nn.Linear(7, 5, bias=False, dtype=torch.float64)
        self.log_scale = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def forward(self, images, texts):
        return F.normalize(self.image(images), dim=1), F.normalize(self.text(texts), dim=1), self.log_scale.exp()


def whole_batch(per_rank, world_size):
    torch.manual_seed(0)
    model = TwoEncoders()
    batch = per_rank * world_size
    return model, torch.randn(batch, 6).double(), torch.randn(batch, 7).double(), torch.arange(batch) % 4


def single_process(per_rank, world_size, labelled, impl="dense"):
    model, images, texts, labels = whole_batch(per_rank, world_size)
    loss = contrastive_loss(*model(images, texts), impl=impl, positives=labels if labelled else None)
    loss.backward()
    return float(loss.detach()), [p.grad for p in model.parameters()]


def train_step(rank, world_size, folder, per_rank, options):
    """One process of DDP: gradients of every parameter after DDP's own averaging."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world_size)
    own = slice(rank * per_rank, (rank + 1) * per_rank)
    results = []
    for option in options:
        model, images, texts, labels = whole_batch(per_rank, world_size)
        wrapped = DistributedDataParallel(model)
        loss = contrastive_loss(
            *wrapped(images[own], texts[own]),
            impl=option["impl"],
            chunk_size=option["chunk_size"],
            group=dist.group.WORLD,
            positives=labels[own] if option["labelled"] else None,
        )
        loss.backward()
        results.append((float(loss.detach()), [p.grad for p in model.parameters()]))
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize(("world_size", "per_rank"), [(2, 5), (4, 3), (3, 1)])
def test_ddp_with_group_equals_one_process(world_size, per_rank, tmp_path):
    mp.spawn(train_step, (world_size, str(tmp_path), per_rank, OPTIONS), nprocs=world_size)
    for rank in range(world_size):
        results = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for option, (value, gradients) in zip(OPTIONS, results, strict=True):
            expected, expected_gradients = single_process(per_rank, world_size, option["labelled"])
            assert value == pytest.approx(expected, abs=1e-10), (option, rank)
            torch.testing.assert_close(gradients, expected_gradients, atol=1e-10, rtol=1e-8)


def feature_gradients(rank, world_size, folder):
    """Gradients of the features themselves and of the scale: `world_size` times the rank's share of the
    truth."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world_size)
    model, images, texts, _ = whole_batch(4, world_size)
    own = slice(rank * 4, (rank + 1) * 4)
    results = {}
    with torch.no_grad():
        x, y, scale = model(images, texts)
    for impl in ("dense", "one_buffer", "chunked"):
        leaves = [t.clone().requires_grad_() for t in (x[own], y[own], scale)]
        loss = contrastive_loss(*leaves, impl=impl, chunk_size=3, group=dist.group.WORLD)
        results[impl] = torch.autograd.grad(loss, leaves)
    # on all ranks, a second derivative of "dense" and an error of one rank alone
    leaf = x[own].clone().requires_grad_()
    (first,) = torch.autograd.grad(
        contrastive_loss(leaf, y[own], scale, impl="dense", group=dist.group.WORLD), leaf, create_graph=True
    )
    (results["second"],) = torch.autograd.grad(first.square().sum(), leaf)
    messages = []
    broken = x[own].clone()
    broken[0, 0] = math.nan if rank == 1 else broken[0, 0]
    uneven = x[: 4 + rank], y[: 4 + rank]
    for a, b in ((broken, y[own]), uneven, (x[own, 0] if rank == 0 else x[own], y[own])):
        try:
            contrastive_loss(a, b, scale, group=dist.group.WORLD)
        except ValueError as error:
            messages.append(str(error))
    results["messages"] = messages
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_features_scale_second_derivative_and_refusals_on_every_rank(tmp_path):
    size = 2
    mp.spawn(feature_gradients, (size, str(tmp_path)), nprocs=size)
    ranks = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(size)]
    model, images, texts, _ = whole_batch(4, size)
    with torch.no_grad():
        inputs = model(images, texts)
    leaves = [t.clone().requires_grad_() for t in inputs]
    true = torch.autograd.grad(contrastive_loss(*leaves, impl="dense"), leaves, create_graph=True)
    for impl in ("dense", "one_buffer", "chunked"):
        for k in range(2):
            torch.testing.assert_close(torch.cat([r[impl][k] for r in ranks]) / size, true[k].detach())
        torch.testing.assert_close(sum(r[impl][2] for r in ranks) / size, true[2].detach())
    # d/dx of sum over ranks of |size * dL/dx|^2, of which each rank's graph holds the part of its own loss
    (second,) = torch.autograd.grad((size * true[0]).square().sum(), leaves[0])
    torch.testing.assert_close(torch.cat([r["second"] for r in ranks]), second)
    assert ranks[0]["messages"] == [
        "ranks [1] of group were given features that this function refuses",
        "image_features has shapes [[4, 5], [5, 5]] on the ranks of group, expected one shape",
        "image_features has shape [4], expected [batch dim]",
    ]
    assert ranks[1]["messages"] == [
        "image_features must be finite: 1 of 20 values are NaN or infinite",
        "image_features has shapes [[4, 5], [5, 5]] on the ranks of group, expected one shape",
        "ranks [0] of group were given features that this function refuses",
    ]


def test_gather_variants_under_torchrun(tmp_path):
    """The book's table: which of the four gatherings gives DDP the gradient of the whole batch."""
    out = tmp_path / "variants.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
    done = subprocess.run(
        [*command, "-m", "vlm_lib.gather_variants", "--json", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "norm/true" in done.stdout
    rows = json.loads(out.read_text())["rows"]
    table = {(row.get("local_loss"), row.get("gather_with_grad")): row for row in rows}
    for row in rows:
        assert row["loss"] == pytest.approx(row["single_process_loss"])
        assert row["logit_scale_gradient_ratio"] == pytest.approx(1.0)
    assert table[False, False]["gradient_norm_ratio"] == pytest.approx(1 / 4)
    assert table[False, False]["gradient_cosine"] == pytest.approx(1.0)
    assert table[True, False]["gradient_cosine"] < 0.98, "a wrong direction, not only a wrong length"
    for right in (table[False, True], table[True, True], table[None, None]):
        assert right["gradient_norm_ratio"] == pytest.approx(1.0)
        assert right["gradient_cosine"] == pytest.approx(1.0)
