"""Times and peaks on the device: every implementation against the public ones, FlexAttention and the limit.

The settings fill a large card: attention over 64 texts, the contrastive loss up to 65,536 pairs, pooling over 64
images. On a CPU only the path is walked, with tiny sizes.
"""

import dataclasses
import gc
from collections.abc import Callable, Iterator

import torch
from flamingo_pytorch.flamingo_pytorch import MaskedCrossAttention as LucidrainsCrossAttention
from open_clip.loss import ClipLoss
from open_clip.transformer import AttentionalPooler
from torch import nn

from vlm_lib.attention import AttentionPooler, last_image_attention
from vlm_lib.attention.masks import image_index
from vlm_lib.bench.attention import (
    HEAD_DIM,
    HEADS,
    INNER,
    TOKENS,
    WIDTH,
    core_work,
    document,
    masked,
    open_flamingo_core,
)
from vlm_lib.bench.contrastive import DIM, features, shared_matrix
from vlm_lib.bench.harness import BOTH, FORWARD, Candidate, Comparison, Work, compare, differentiated
from vlm_lib.bench.pooling import HEADS as POOLER_HEADS
from vlm_lib.bench.pooling import TOKENS as POOLED
from vlm_lib.bench.pooling import WIDTH as POOLER_WIDTH
from vlm_lib.bench.pooling import work
from vlm_lib.kernels.flex import block_mask, flex_attention_function
from vlm_lib.losses import contrastive_loss
from vlm_lib.training.seeds import seed_everything

HALF = torch.bfloat16


def lucidrains_core() -> nn.Module:
    """flamingo-pytorch's own code without its norm and projections."""
    module = LucidrainsCrossAttention(dim=WIDTH, dim_head=HEAD_DIM, heads=HEADS)
    module.norm = module.to_q = module.to_kv = module.to_out = nn.Identity()
    return module


def attention(images: int, device: torch.device) -> Comparison:
    """The core in bfloat16, queries, keys and values given as projections leave them."""
    batch, seq = (64, 2048) if device.type == "cuda" else (1, 64)
    seed_everything(0)
    is_image = document(images, seq, device).expand(batch, -1).contiguous()
    phi = image_index(is_image)
    shapes = (batch, seq), *[(batch, images, TOKENS)] * 2
    leaves = [torch.randn(*axes, HEADS, HEAD_DIM, device=device).to(HALF).requires_grad_() for axes in shapes]
    upstream = torch.randn(batch, seq, INNER, device=device).to(HALF)

    def by_head(attend: Callable) -> Callable:
        def call():
            q, k, v = leaves
            heads_first = q.transpose(1, 2), k.permute(0, 3, 1, 2, 4), v.permute(0, 3, 1, 2, 4)
            return attend(*heads_first).transpose(1, 2).flatten(2)

        return call

    def einsum(module: nn.Module) -> Callable:
        def call():
            q, k, v = (leaf.flatten(-2) for leaf in leaves)
            return module(q, torch.cat([k, v], dim=-1), is_image)

        return call

    def candidate(name: str, call: Callable, multiplied: int = 1) -> Candidate:
        counted = core_work(seq, images, multiplied, batch, HALF)
        return Candidate(name, differentiated(call, leaves, upstream), counted)

    def ours(impl: str) -> Candidate:
        return candidate(impl, by_head(lambda q, k, v: last_image_attention(q, k, v, phi, impl=impl)))

    mask = block_mask(phi, images, TOKENS)

    def flex(q, k, v):
        # compiled once for a process; the mask is made before the clock starts, which favours it
        return flex_attention_function(device.type == "cuda")(q, k.flatten(2, 3), v.flatten(2, 3), block_mask=mask)

    return Comparison(
        "attention",
        f"core, {batch} x {seq} x {images} images, bfloat16",
        [ours("auto"), ours("varlen"), ours("dense")],
        [
            ours("flex"),
            candidate("FlexAttention, mask given", by_head(flex)),
            candidate("SDPA, mask", by_head(lambda q, k, v: masked(q, k, v, phi)), images),
            candidate("open_flamingo einsum", einsum(open_flamingo_core()), images),
            candidate("flamingo-pytorch einsum", einsum(lucidrains_core()), images),
        ],
    )


def contrastive(batch: int, device: torch.device) -> Comparison:
    """In float32. A product of "triton" is three of float16."""
    leaves = features(batch, device)
    product, matrix = 2.0 * batch * batch * DIM, 4.0 * batch * batch

    def candidate(name: str, loss: Callable, forward: Work, both: Work) -> Candidate:
        return Candidate(name, differentiated(lambda: loss(*leaves), leaves), {FORWARD: forward, BOTH: both})

    def ours(impl: str, forward: Work, both: Work) -> Candidate:
        return candidate(impl, lambda *inputs: contrastive_loss(*inputs, impl=impl), forward, both)

    one_buffer = ours("one_buffer", Work(product, matrix), Work(3 * product, 2 * matrix))
    split = [Work(3 * times * product, dtype=torch.float16) for times in (1, 4)]
    references = [
        candidate("open_clip ClipLoss", ClipLoss(), Work(2 * product), Work(6 * product)),
        candidate("torch, one shared matrix", shared_matrix, Work(product), Work(3 * product)),
    ]
    return Comparison(
        "contrastive",
        f"batch {batch}, dim {DIM}",
        [ours("triton", *split), one_buffer, ours("chunked", Work(product), Work(4 * product))],
        # at 65,536 whoever holds several matrices needs more than 80 GB
        [one_buffer, *(references if batch < 2**16 else [])],
        repeats=3,
    )


def pooling(queries: int, dtype: torch.dtype, device: torch.device) -> Comparison:
    """Both forms against open_clip's pooler with the same weights, all in one dtype."""
    batch = 64 if device.type == "cuda" else 1
    seed_everything(0)
    theirs = AttentionalPooler(POOLER_WIDTH, POOLER_WIDTH, POOLER_HEADS, queries).to(device, dtype)
    context = torch.randn(batch, POOLED, POOLER_WIDTH, device=device).to(dtype).requires_grad_()
    upstream = torch.randn(batch, queries, POOLER_WIDTH, device=device).to(dtype)

    def candidate(name: str, pooler: nn.Module, counted: str) -> Candidate:
        leaves = [context, *(p for n, p in pooler.named_parameters() if n != "to_k.bias")]
        wanted = {
            phase: Work(w.operations, w.traffic * dtype.itemsize / 4, dtype)
            for phase, w in work(counted, queries, batch).items()
        }
        return Candidate(name, differentiated(lambda: pooler(context), leaves, upstream), wanted)

    def ours(impl: str) -> Candidate:
        pooler = AttentionPooler.from_open_clip(theirs, impl=impl)
        return candidate(impl, pooler, pooler.implementation(POOLED))

    name = str(dtype).removeprefix("torch.")
    setting = f"{queries} queries, {POOLED} tokens x {batch}, {name}"
    return Comparison(
        "pooling",
        setting,
        [ours(impl) for impl in ("dense", "folded")],
        [candidate("open_clip", theirs, "open_clip")],
        repeats=3,
    )


def comparisons(subject: str, device: torch.device) -> Iterator[Comparison]:
    """The settings of a subject, the one that a goal speaks of first."""
    cuda = device.type == "cuda"
    if subject == "attention":
        yield from (attention(images, device) for images in ((32, 8, 1) if cuda else (4, 1)))
    if subject == "contrastive":
        yield from (contrastive(batch, device) for batch in ((65536, 16384, 4096) if cuda else (256,)))
    if subject == "pooling":
        for queries in (1, 16, 256) if cuda else (1,):
            yield from (pooling(queries, dtype, device) for dtype in (torch.float32, HALF))


def broken(candidate: Candidate) -> str | None:
    """Why a candidate cannot be timed: each of its phases is called once."""
    try:
        for phase in candidate.phases.values():
            phase()
    except Exception as problem:  # noqa: BLE001  it is a finding, and the others are still compared
        return f"{type(problem).__name__}: {problem}"[:600]
    return None


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """The rows of every comparison, without what cannot run, which is said."""
    for comparison in comparisons(subject, device):
        reasons = {c.name: broken(c) for c in (*comparison.ours, *comparison.references)}
        for name, reason in reasons.items():
            if reason:
                on_cpu = {"skipped": name, "because": reason}
                yield {"setting": comparison.setting} | (
                    on_cpu if device.type == "cpu" else {"of": name, "error": reason}
                )
        ours, others = (
            [c for c in candidates if not reasons[c.name]]
            for candidates in (comparison.ours, comparison.references)
        )
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        for row in compare(dataclasses.replace(comparison, ours=ours, references=others), device):
            yield {"row": dataclasses.asdict(row)}
