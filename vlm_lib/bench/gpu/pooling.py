"""Both forms of attention pooling against float64."""

from collections.abc import Iterator

import torch

from vlm_lib.attention import AttentionPooler
from vlm_lib.bench.gpu.checks import ALLOWED, checked, relative_error
from vlm_lib.training.seeds import seed_everything


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """Both forms of the pooler, with and without padding, against a float64 copy of the dense one."""
    for queries in (1, 16, 256):
        for dtype in ALLOWED:
            for impl in ("dense", "folded"):
                for padded in (False, True):
                    name = f"{impl}, {queries} queries, {dtype}".replace("torch.", "") + (
                        ", padded" if padded else ""
                    )
                    yield checked(
                        name,
                        3 * ALLOWED[dtype],
                        lambda q=queries, d=dtype, i=impl, p=padded: pooled(q, d, i, p, device),
                    )


def pooled(queries: int, dtype: torch.dtype, impl: str, padded: bool, device: torch.device) -> float:
    """The error of one pooler in output and gradients."""
    seed_everything(0)
    ours = AttentionPooler(64, 96, queries, heads=4, impl=impl).to(device, dtype)
    true = AttentionPooler(64, 96, queries, heads=4, impl="dense").to(device, torch.float64)
    true.load_state_dict(ours.state_dict())
    context, upstream = torch.randn(3, 50, 96).to(device, dtype), torch.randn(3, queries, 64).to(device, dtype)
    padding = torch.arange(50, device=device).expand(3, -1) > 30 if padded else None
    found = []
    for pooler in (ours, true):
        leaf = context.to(pooler.query).detach().requires_grad_()
        out = pooler(leaf, key_padding_mask=padding)
        weights = [pooler.to_q.weight, pooler.to_k.weight, pooler.to_v.weight, pooler.query]
        found.append([out.detach(), *torch.autograd.grad(out, [leaf, *weights], upstream.to(out))])
    return relative_error(*found)
