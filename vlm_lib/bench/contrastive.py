"""The contrastive loss against `open_clip`'s, and against plain torch that computes the similarity matrix
once.

Operations are products of batch x batch x dim: ClipLoss multiplies 2 times forward and 4 backward, a shared
matrix 1 + 2, "one_buffer" 1 + 2 as well, "chunked" 1 + 3 since it multiplies again. Of the matrix itself,
"one_buffer" has to write it and to read it once; "chunked" handles it in tiles that stay in the cache.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss
from torch import Tensor

from vlm_lib.bench.harness import BOTH, FORWARD, Candidate, Comparison, Work, differentiated
from vlm_lib.losses import contrastive_loss
from vlm_lib.training.seeds import seed_everything

DIM, SCALE, NOISE = 512, 100.0, 0.1
BATCHES, QUICK_BATCHES = (1024, 4096, 8192, 16384, 32768), (256,)
LARGEST_MATRIX = 16384  # beyond it whoever holds the matrix needs many gigabytes, and "chunked" runs alone
REPEATS = {1024: 9, 4096: 5}


def shared_matrix(x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    """The loss in plain torch with one matrix for both directions, as openai/CLIP writes it."""
    logits = scale * x @ y.T
    labels = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def features(batch: int, device: torch.device) -> list[Tensor]:
    """Unit features of matching pairs, the second side a noisy copy of the first, and CLIP's final logit
    scale."""
    seed_everything(0)
    x = F.normalize(torch.randn(batch, DIM), dim=1)
    y = F.normalize(x + NOISE * torch.randn(batch, DIM), dim=1)
    return [t.to(device).requires_grad_() for t in (x, y, torch.tensor(SCALE))]


def comparisons(quick: bool, device: torch.device) -> Iterator[Comparison]:
    """One comparison a batch size."""
    for batch in QUICK_BATCHES if quick else BATCHES:
        leaves = features(batch, device)
        product, matrix = 2.0 * batch * batch * DIM, 4.0 * batch * batch

        def candidate(name, loss, forward, both, leaves=leaves):
            return Candidate(
                name, differentiated(lambda: loss(*leaves), leaves), {FORWARD: Work(*forward), BOTH: Work(*both)}
            )

        def ours(impl):
            return lambda *inputs: contrastive_loss(*inputs, impl=impl)

        chunked = candidate("chunked", ours("chunked"), (product,), (4 * product,))
        setting = f"batch {batch}, dim {DIM}"
        if batch > LARGEST_MATRIX:
            yield Comparison("contrastive", setting, [chunked], repeats=1)
            continue
        one_buffer = candidate("one_buffer", ours("one_buffer"), (product, matrix), (3 * product, 2 * matrix))
        references = [
            candidate("open_clip ClipLoss", ClipLoss(), (2 * product,), (6 * product,)),
            candidate("torch, one shared matrix", shared_matrix, (product,), (3 * product,)),
        ]
        yield Comparison("contrastive", setting, [one_buffer, chunked], references, REPEATS.get(batch, 3))
