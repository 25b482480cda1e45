"""The contrastive loss over ranks: gloo processes on this machine against one process with the whole
batch."""

import json
import math
import subprocess
import sys
from datetime import timedelta

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


def ddp_gradients(rank, world_size, per_rank):
    """For each option, the loss on this rank and every parameter's gradient after DDP's own averaging."""
    own = slice(rank * per_rank, (rank + 1) * per_rank)
    results = []
    for option in OPTIONS:
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
    return results


def feature_gradients(rank, world_size, per_rank):
    """Gradients of this rank's features and of the scale, and of "dense" a second derivative."""
    model, images, texts, _ = whole_batch(per_rank, world_size)
    own = slice(rank * per_rank, (rank + 1) * per_rank)
    results = {}
    with torch.no_grad():
        x, y, scale = model(images, texts)
    for impl in ("dense", "one_buffer", "chunked"):
        leaves = [t.clone().requires_grad_() for t in (x[own], y[own], scale)]
        loss = contrastive_loss(*leaves, impl=impl, chunk_size=3, group=dist.group.WORLD)
        results[impl] = torch.autograd.grad(loss, leaves)
    leaf = x[own].clone().requires_grad_()
    loss = contrastive_loss(leaf, y[own], scale, impl="dense", group=dist.group.WORLD)
    (first,) = torch.autograd.grad(loss, leaf, create_graph=True)
    (results["second"],) = torch.autograd.grad(first.square().sum(), leaf)
    return results


def calls(rank):
    """Calls that must fail on every rank, by what is wrong with them on one."""
    torch.manual_seed(0)
    x = F.normalize(torch.randn(4 + rank, 5), dim=1)
    even, last = x[:4], rank == 1
    broken = even.clone()
    broken[0, 0] = math.nan if last else broken[0, 0]
    labels = torch.arange(4)
    return {
        "a NaN": ((broken, even), {}),
        "shape": ((x, x), {}),
        "axes": ((even[:, 0] if last else even, even), {}),
        "bad impl": ((even, even), {"impl": "sparse" if last else "dense"}),
        "bad chunk_size": ((even, even), {"chunk_size": 0 if last else 2}),
        "impl": ((even, even), {"impl": "chunked" if last else "dense"}),
        "chunk_size": ((even, even), {"impl": "chunked", "chunk_size": 3 if last else 2}),
        "positives": ((even, even), {"positives": None if last else labels}),
        "dtype of positives": ((even, even), {"positives": labels.int() if last else labels}),
        "dtype": ((even.double() if last else even, even), {}),
    }


def refusals(rank):
    """What each rank is told of each of `calls`; one that hangs ends with the group's time-out."""
    messages = {}
    for name, (features, options) in calls(rank).items():
        try:
            contrastive_loss(*features, 1.0, group=dist.group.WORLD, **options)
        except ValueError as error:
            messages[name] = str(error)
    return messages


def work(rank, world_size, folder):
    """All that one process does; starting it is the dear part."""
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meet",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=60),  # a rank that waits for one that does not come fails the test
    )
    results = {f"ddp {per_rank}": ddp_gradients(rank, world_size, per_rank) for per_rank in (1, 3)}
    results["features"] = feature_gradients(rank, world_size, 4)
    results["refusals"] = refusals(rank)
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request, tmp_path_factory):
    """What every rank of a group of 2 or 4 processes found."""
    folder = tmp_path_factory.mktemp(f"ranks{request.param}")
    mp.spawn(work, (request.param, str(folder)), nprocs=request.param)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(request.param)]


@pytest.mark.parametrize("per_rank", [1, 3])
def test_ddp_with_group_equals_one_process(ranks, per_rank):
    for results in ranks:
        for option, (value, gradients) in zip(OPTIONS, results[f"ddp {per_rank}"], strict=True):
            expected, expected_gradients = single_process(per_rank, len(ranks), option["labelled"])
            assert value == pytest.approx(expected, abs=1e-10), option
            torch.testing.assert_close(gradients, expected_gradients, atol=1e-10, rtol=1e-8)


def test_gradients_feature_by_feature_of_the_scale_and_of_second_order(ranks):
    size, found = len(ranks), [results["features"] for results in ranks]
    model, images, texts, _ = whole_batch(4, size)
    with torch.no_grad():
        inputs = model(images, texts)
    leaves = [t.clone().requires_grad_() for t in inputs]
    true = torch.autograd.grad(contrastive_loss(*leaves, impl="dense"), leaves, create_graph=True)
    for impl in ("dense", "one_buffer", "chunked"):
        for k in range(2):
            torch.testing.assert_close(torch.cat([f[impl][k] for f in found]) / size, true[k].detach())
        torch.testing.assert_close(sum(f[impl][2] for f in found) / size, true[2].detach())
    # the first gradients are `size` times the truth, and so are the squares' derivatives with respect to them
    (second,) = torch.autograd.grad((size * true[0]).square().sum(), leaves[0])
    torch.testing.assert_close(torch.cat([f["second"] for f in found]), second)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("a NaN", "image_features must be finite: 1 of 20 values are NaN or infinite"),
        ("axes", "image_features has shape [4], expected [batch dim]"),
        ("bad impl", "impl is 'sparse', expected one of"),
        ("bad chunk_size", "chunk_size is 0, expected a positive integer"),
    ],
)
def test_what_one_rank_refuses_all_ranks_refuse(ranks, wrong, message):
    for rank, results in enumerate(ranks):
        told = message if rank == 1 else "ranks [1] of group were given arguments that this function refuses"
        assert results["refusals"][wrong].startswith(told)


@pytest.mark.parametrize(
    ("differs", "message"),
    [
        ("shape", "image_features' shape on the ranks of group: [[4, 5], [5, 5]"),
        ("impl", "impl on the ranks of group: ['dense', 'chunked'"),
        ("chunk_size", "chunk_size on the ranks of group: ['2', '3'"),
        ("positives", "positives' dtype on the ranks of group: ['torch.int64', None"),
        ("dtype of positives", "positives' dtype on the ranks of group: ['torch.int64', 'torch.int32'"),
        (
            "dtype",
            "the features' dtypes on the ranks of group: [['torch.float32', 'torch.float32'], ['torch.float64'",
        ),
    ],
)
def test_what_differs_by_rank_is_refused_by_all(ranks, differs, message):
    for results in ranks:
        assert results["refusals"][differs].startswith(message)
        assert results["refusals"][differs].endswith("expected the same on all")


def test_gather_variants_under_torchrun(tmp_path):
    """The book's table: which of the four gatherings gives DDP the gradient of the whole batch."""
    out = tmp_path / "variants.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
    done = subprocess.run(
        [*command, "-m", "vlm_lib.losses.gather_variants", "--json", str(out)],
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
