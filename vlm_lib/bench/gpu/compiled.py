"""Attention, loss and pooling under `torch.compile`: on CUDA with its default backend, on a CPU traced only."""

from collections.abc import Callable, Iterator

import torch

from vlm_lib.attention import AttentionPooler, last_image_attention
from vlm_lib.bench.gpu.attention import SHAPES, by_gathering, inputs, phis
from vlm_lib.bench.gpu.checks import ALLOWED, checked, named, relative_error, with_gradients
from vlm_lib.bench.gpu.losses import LOSS_ALLOWED, clip_equation, pairs
from vlm_lib.losses import contrastive_loss
from vlm_lib.training.seeds import seed_everything


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """Each compiled function against float64."""
    seed_everything(0)
    backend = "inductor" if device.type == "cuda" else "aot_eager"

    def error(function: Callable, tensors: list, true: list, upstream=None, *, whole: bool = True) -> float:
        torch.compiler.reset()  # the cases share code, and code is compiled anew only so many times
        fast = torch.compile(function, backend=backend, fullgraph=whole)
        return relative_error(with_gradients(fast, tensors, upstream), true)

    sizes = SHAPES["64 tokens"]
    phi = phis(*sizes[:2])["text first"].to(device)
    for dtype in ALLOWED:
        *qkv, upstream = inputs(*sizes, dtype, device)
        true = with_gradients(lambda *t: by_gathering(*t, phi), [t.double() for t in qkv], upstream)
        for impl in ("auto", "dense", *(["flex"] if device.type == "cuda" else [])):

            def attend(*t, impl=impl):
                return last_image_attention(*t, phi, impl=impl)

            found = checked(named("attention", impl, dtype), ALLOWED[dtype], error, attend, qkv, true, upstream)
            yield found
    features = [*pairs(1200, 64, device), torch.tensor(50.0, device=device)]
    true = with_gradients(lambda *t: clip_equation(*t, None), [t.double() for t in features])
    for impl in ("auto", "dense", "one_buffer", "chunked"):  # tiles are Python loops, which break the graph

        def loss(*t, impl=impl):
            return contrastive_loss(*t, impl=impl)

        whole = impl in ("auto", "dense")
        name = named("contrastive", impl)
        yield checked(name, LOSS_ALLOWED[torch.float32], lambda f=loss, w=whole: error(f, features, true, whole=w))
    pooler, context = AttentionPooler(64, 96, 4, heads=4).to(device), torch.randn(3, 50, 96, device=device)
    upstream = torch.randn(3, 4, 64, device=device)
    true = with_gradients(pooler, [context], upstream)
    yield checked("pooling", ALLOWED[torch.float32], error, pooler, [context], true, upstream)
