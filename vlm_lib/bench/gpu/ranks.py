"""The contrastive loss over a process group of one rank, on the backend that the device has: NCCL on CUDA."""

import tempfile
from collections.abc import Iterator

import torch
import torch.distributed as dist

from vlm_lib.bench.gpu.checks import checked, relative_error, with_gradients
from vlm_lib.bench.gpu.losses import pairs
from vlm_lib.losses import contrastive_loss
from vlm_lib.training.seeds import seed_everything


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """Every implementation with a group equals itself without one; a refusal is a ValueError, not a hang."""
    backend = "nccl" if device.type == "cuda" else "gloo"
    with tempfile.TemporaryDirectory() as folder:
        dist.init_process_group(backend, init_method=f"file://{folder}/meet", rank=0, world_size=1)
        yield {"backend": backend, "ranks": dist.get_world_size()}
        seed_everything(0)
        inputs = *pairs(600, 64, device), torch.tensor(30.0, device=device)
        labels = torch.arange(600, device=device) % 50
        for impl in ("auto", "dense", "one_buffer", "chunked", *(["triton"] if device.type == "cuda" else [])):
            for positives in (None, labels):

                def error(impl=impl, positives=positives) -> float:
                    found = [
                        with_gradients(
                            lambda *t, group=group: contrastive_loss(
                                *t, impl=impl, positives=positives, group=group
                            ),
                            inputs,
                        )
                        for group in (dist.group.WORLD, None)
                    ]
                    return relative_error(*found)

                yield checked(f"{impl}{', labels' if positives is not None else ''}", 1e-4, error)

        def refusal() -> float:
            try:
                contrastive_loss(*inputs, impl="sparse", group=dist.group.WORLD)
            except ValueError:
                return 0.0
            return 1.0

        yield checked("a bad impl is refused", 0.0, refusal)
        dist.destroy_process_group()
