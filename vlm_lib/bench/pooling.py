"""Attention pooling against `open_clip.transformer.AttentionalPooler` with the same weights (CoCa's pooler).

open_clip projects the queries anew for every example, and all tokens to keys and values; "folded" projects no
token.
"""

from collections.abc import Iterator

import torch
from open_clip.transformer import AttentionalPooler

from vlm_lib.attention import AttentionPooler
from vlm_lib.bench.harness import BOTH, FORWARD, Candidate, Comparison, Work, differentiated
from vlm_lib.kernels.folded_pooling import dense_operations, folded_operations
from vlm_lib.training.seeds import seed_everything

WIDTH, HEADS, TOKENS, BATCH = 768, 8, 256, 8
QUERIES, QUICK_QUERIES = (1, 4, 16, 32, 64, 256), (1,)


def work(impl: str, queries: int, batch: int) -> dict[str, Work]:
    """Products, twice as many backward as forward; tokens are read, read again, and their gradient written."""
    sizes, projection = (TOKENS, queries, WIDTH, WIDTH), queries * WIDTH * WIDTH
    if impl == "folded":
        once, each = 2 * projection, folded_operations(*sizes, HEADS) + projection
    else:
        once, each = projection, dense_operations(*sizes) + projection
    if impl == "open_clip":
        once, each = 0, each + projection
    operations, tokens = 2.0 * (once + batch * each), 4 * batch * TOKENS * WIDTH
    return {FORWARD: Work(operations, tokens), BOTH: Work(3 * operations, 3 * tokens)}


def comparison(queries: int, batch: int, device: torch.device) -> Comparison:
    """One number of queries, with gradients of the tokens and of all weights."""
    seed_everything(0)
    theirs = AttentionalPooler(WIDTH, WIDTH, HEADS, queries).to(device)
    ours = AttentionPooler.from_open_clip(theirs)
    context = torch.randn(batch, TOKENS, WIDTH, device=device).requires_grad_()
    upstream = torch.randn(batch, queries, WIDTH, device=device)

    def candidate(name, pooler, impl):
        # the folded form doesn't use the key bias, whose gradient is 0
        leaves = [context, *(p for n, p in pooler.named_parameters() if n != "to_k.bias")]
        return Candidate(
            name, differentiated(lambda: pooler(context), leaves, upstream), work(impl, queries, batch)
        )

    return Comparison(
        "pooling",
        f"{queries} queries, {TOKENS} tokens x {batch}",
        [candidate("auto", ours, ours.implementation(TOKENS))],
        [candidate("open_clip", theirs, "open_clip")],
        repeats=7,
    )


def comparisons(quick: bool, device: torch.device) -> Iterator[Comparison]:
    """One comparison a number of queries."""
    for queries in QUICK_QUERIES if quick else QUERIES:
        yield comparison(queries, 1 if quick else BATCH, device)
