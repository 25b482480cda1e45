"""Every implementation against float64, forward and backward, on the device: what a CPU's tests cannot show.

A reduced precision may be off by what its dense form is off by, times WORSE_THAN_DENSE; float32 by ALLOWED.
"""

import functools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.attention import AttentionPooler, last_image_attention
from vlm_lib.bench.gpu.checks import checked, relative_error, with_gradients
from vlm_lib.losses import contrastive_loss, sigmoid_loss
from vlm_lib.training.seeds import seed_everything

ALLOWED = {torch.float32: 3e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}
WORSE_THAN_DENSE = 2.0
ON_CUDA = ("triton", "varlen")
# text, images, tokens, head dimension, and the standard deviation of the logits
SHAPES = {
    "64 tokens": (300, 5, 64, 64, 1.0),
    "sharp": (300, 5, 64, 64, 9.0),
    "odd sizes": (37, 3, 5, 24, 1.0),
    "one image": (130, 1, 64, 64, 1.0),
    "one token of text": (1, 4, 16, 32, 1.0),
}


def phis(seq: int, images: int) -> dict[str, Tensor]:
    """Texts of two examples: as drawn, image first, never an image, images that no text sees, the last one only."""
    drawn = torch.sort(torch.randint(0, images + 1, (2, seq)), dim=1).values
    equal = (torch.arange(seq) * images // seq + 1).expand(2, -1).contiguous()
    return {
        "text first": drawn,
        "image first": equal,
        "blind": torch.zeros(2, seq, dtype=torch.long),
        "unseen images": torch.where(drawn > images // 2, images, torch.zeros_like(drawn)),
    }


def inputs(seq: int, images: int, tokens: int, dim: int, sharpness: float, dtype: torch.dtype, device) -> tuple:
    """q, k, v as projections leave them, in `dtype`, and the gradient of the output."""
    draws = [torch.randn(2, seq, 3, dim), *torch.randn(2, 2, images, tokens, 3, dim), torch.randn(2, 3, seq, dim)]
    q, k, v, upstream = (t.to(device, dtype) for t in (draws[0] * sharpness, *draws[1:]))
    return q.transpose(1, 2), *(t.permute(0, 3, 1, 2, 4) for t in (k, v)), upstream


def by_gathering(q: Tensor, k: Tensor, v: Tensor, phi: Tensor) -> Tensor:
    """The definition: every position fetches its image, and a softmax over its tokens weighs them."""
    example = torch.arange(len(q), device=q.device)[:, None]
    image = (phi.long() - 1).clamp(min=0)
    keys, values = (t.permute(0, 2, 1, 3, 4)[example, image] for t in (k, v))  # [batch seq heads tokens dim]
    weights = (torch.einsum("bhsd,bshtd->bhst", q, keys) * q.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("bhst,bshtd->bhsd", weights, values).masked_fill((phi == 0)[:, None, :, None], 0.0)


def implementations(dtype: torch.dtype, device: torch.device) -> list[str]:
    """Those of last-image attention that can run."""
    on_cuda = [] if device.type != "cuda" else ["triton"] if dtype == torch.float32 else list(ON_CUDA)
    return ["auto", "dense", "segments", "flex", *on_cuda]


def attention(dtype: torch.dtype, device: torch.device) -> Iterator[dict]:
    """All implementations, shapes and texts; then random sizes, which no one chose."""
    chosen = implementations(dtype, device)
    for impl in set(ON_CUDA) - set(chosen):
        yield {"skipped": impl, "because": f"needs CUDA, or for varlen half precision: {device.type}, {dtype}"}
    for shape, sizes in SHAPES.items():
        for text, phi in phis(*sizes[:2]).items():
            for impl in chosen:
                if impl == "flex" and (shape, text) not in FLEX_COMPILES:
                    continue  # every shape is a compilation of its own, half a minute each
                yield attention_check(f"{impl}, {shape}, {text}", impl, sizes, phi, dtype, device)
    for draw in range(8):
        seed_everything(draw)
        seq, images, tokens, dim = (int(torch.randint(1, high, ())) for high in (200, 9, 64, 9))
        phi = torch.sort(torch.randint(0, images + 1, (2, seq)), dim=1).values.int()
        sizes = seq, images, tokens, 8 * dim, 2.0
        for impl in [name for name in chosen if name not in ("flex", "auto")]:
            yield attention_check(f"{impl}, drawn {draw} {sizes}", impl, sizes, phi, dtype, device)
    none = (5, 0, 4, 16, 1.0)
    for impl in chosen:
        yield attention_check(
            f"{impl}, no images", impl, none, torch.zeros(2, 5, dtype=torch.long), dtype, device
        )


FLEX_COMPILES = {("64 tokens", "text first"), ("64 tokens", "blind"), ("sharp", "image first")}


def attention_check(name: str, impl: str, sizes: tuple, phi: Tensor, dtype: torch.dtype, device) -> dict:
    """One implementation on one input."""
    seed_everything(0)
    *qkv, upstream = inputs(*sizes, dtype, device)
    phi = phi.to(device)
    on_cpu = device.type == "cpu" and impl == "flex"  # forward only

    def error() -> float:
        def call(*leaves: Tensor, chosen: str = impl) -> Tensor:
            return last_image_attention(*leaves, phi, impl=chosen)

        if sizes[1] == 0:
            return relative_error([call(*qkv)], [torch.zeros_like(qkv[0])])
        true = with_gradients(lambda *t: by_gathering(*t, phi), [t.double() for t in qkv], upstream)
        with torch.set_grad_enabled(not on_cpu):
            got = [call(*qkv)] if on_cpu else with_gradients(call, qkv, upstream)
        blind = (phi == 0)[:, None, :, None].expand_as(got[0])
        if got[0][blind].any() or (len(got) > 1 and got[1][blind].any()):
            return float("inf")  # must be exactly 0
        size = relative_error(got, true[: len(got)])
        if dtype != torch.float32 and impl != "dense" and size > ALLOWED[dtype]:
            dense = with_gradients(functools.partial(call, chosen="dense"), qkv, upstream)
            size = size / max(1.0, relative_error(dense, true) * WORSE_THAN_DENSE / ALLOWED[dtype])
        return size

    return checked(name, ALLOWED[dtype] * (3 if sizes[-1] > 2 else 1), error)


def pairs(batch: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Unit features of pairs that match so poorly that the loss is far from 0."""
    x, noise = F.normalize(torch.randn(batch, dim), dim=1), torch.randn(batch, dim)
    return x.to(device), F.normalize(x + 3 * dim**-0.5 * noise, dim=1).to(device)


def hostile_pairs(batch: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A sixth of the images points away from every text: one shift for rows and columns would underflow."""
    centre, noise = F.normalize(torch.randn(dim), dim=0), 0.01 * torch.randn(2, batch, dim)
    sign = torch.where(torch.rand(batch, 1) < 1 / 6, -1.0, 1.0)
    return F.normalize(sign * centre + noise[0], dim=1).to(device), F.normalize(centre + noise[1], dim=1).to(device)


def clip_equation(x: Tensor, y: Tensor, scale: Tensor, labels: Tensor | None) -> Tensor:
    """The loss as the CLIP paper's figure has it, in float64, with targets spread over equal labels."""
    logits = scale * x @ y.T
    labels = torch.arange(len(x), device=x.device) if labels is None else labels
    target = (labels[:, None] == labels).double()
    target = target / target.sum(1, keepdim=True)
    rows, columns = (torch.logsumexp(logits, axis).sum() for axis in (1, 0))
    return (rows + columns - 2 * (target * logits).sum()) / (2 * len(x))


def losses(device: torch.device) -> Iterator[dict]:
    """Contrastive in every implementation, and sigmoid with and without tiles."""
    triton_runs = device.type == "cuda"
    cases = {"7 x 5": pairs, "300 x 70": pairs, "2500 x 512": pairs, "hostile 400 x 64": hostile_pairs}
    for case, draw in cases.items():
        seed_everything(0)
        batch, dim = (int(number) for number in case.split()[-3::2])
        x, y = draw(batch, dim, device)
        scale = torch.tensor(100.0, device=device)
        for labelled in (False, True):
            labels = torch.arange(batch, device=device) % 7 if labelled else None
            true = with_gradients(
                lambda *t, labels=labels: clip_equation(*t, labels), [t.double() for t in (x, y, scale)]
            )
            for impl in ("auto", "dense", "one_buffer", "chunked", *(["triton"] if triton_runs else [])):
                for dtype in ALLOWED:
                    name = f"{impl}, {case}, {dtype}".replace("torch.", "") + (", labels" if labelled else "")
                    options = {"impl": impl, "chunk_size": 1000, "positives": labels}
                    yield loss_check(name, lambda *t, o=options: contrastive_loss(*t, **o), x, y, scale, true, labels, dtype)
    seed_everything(0)
    x, y = pairs(700, 64, device)
    scalars = [torch.tensor(number, device=device) for number in (10.0, -10.0)]
    sign = 2.0 * torch.eye(700, device=device, dtype=torch.float64) - 1

    def formula(x, y, scale, bias):
        return -F.logsigmoid(sign * (scale * x @ y.T + bias)).sum() / len(x)

    true = with_gradients(formula, [t.double() for t in (x, y, *scalars)])
    for chunk in (None, 256):
        yield checked(
            f"sigmoid, chunk {chunk}",
            ALLOWED[torch.float32],
            lambda chunk=chunk: relative_error(
                with_gradients(lambda *t: sigmoid_loss(*t, chunk_size=chunk), (x, y, *scalars)), true
            ),
        )


def loss_check(name, loss: Callable, x, y, scale, true, labels, dtype: torch.dtype) -> dict:
    """One loss, with its features rounded to `dtype` first; it computes in float32 whatever they are."""

    def error() -> float:
        rounded = [x.to(dtype), y.to(dtype), scale]
        expected = true
        if dtype != torch.float32:
            doubles = [t.double() for t in rounded]
            expected = with_gradients(lambda *t: clip_equation(*t, labels), doubles)
        *got, of_scale = with_gradients(loss, rounded)
        # the gradient of the scale is a small difference of cosines, so its error is measured against 1
        return max(relative_error(got, expected[:3]), float((of_scale - expected[3]).abs()) / 5)

    # at 100, float32 holds a logit to 4e-6
    return checked(name, {torch.float32: 2e-4}.get(dtype, 1e-2), error)


def pooling(device: torch.device) -> Iterator[dict]:
    """Both forms of the pooler, with and without padding, against a float64 copy of the dense one."""
    for queries in (1, 16, 256):
        for dtype in ALLOWED:
            for impl in ("dense", "folded"):
                for padded in (False, True):
                    name = f"{impl}, {queries} queries, {dtype}".replace("torch.", "") + (", padded" if padded else "")
                    yield checked(
                        name, 3 * ALLOWED[dtype], lambda q=queries, d=dtype, i=impl, p=padded: pooled(q, d, i, p, device)
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


def compiled(device: torch.device) -> Iterator[dict]:
    """Under `torch.compile`, whole graph, against the same call uncompiled."""
    backend = "inductor" if device.type == "cuda" else "aot_eager"
    seed_everything(0)
    sizes = SHAPES["64 tokens"]
    phi = phis(*sizes[:2])["text first"].to(device)
    x, y = pairs(1200, 64, device)
    scale = torch.tensor(50.0, device=device)
    for dtype in ALLOWED:
        *qkv, upstream = inputs(*sizes, dtype, device)
        true = with_gradients(lambda *t, phi=phi: by_gathering(*t, phi), [t.double() for t in qkv], upstream)
        for impl in ("auto", "dense"):
            yield checked(
                f"attention {impl}, {dtype}".replace("torch.", ""),
                ALLOWED[dtype],
                lambda impl=impl, qkv=qkv, upstream=upstream, true=true: relative_error(
                    with_gradients(
                        torch.compile(
                            lambda *t: last_image_attention(*t, phi, impl=impl), backend=backend, fullgraph=True
                        ),
                        qkv,
                        upstream,
                    ),
                    true,
                ),
            )
    true = with_gradients(lambda *t: clip_equation(*t, None), [t.double() for t in (x, y, scale)])
    for impl in ("auto", "dense", "one_buffer", "chunked"):
        yield checked(
            f"contrastive {impl}",
            2e-4,
            lambda impl=impl: relative_error(
                with_gradients(
                    torch.compile(lambda *t: contrastive_loss(*t, impl=impl), backend=backend), (x, y, scale)
                ),
                true,
            ),
        )
    pooler = AttentionPooler(64, 96, 4, heads=4).to(device)
    context = torch.randn(3, 50, 96, device=device)
    yield checked(
        "pooling",
        ALLOWED[torch.float32],
        lambda: relative_error(
            with_gradients(torch.compile(pooler, backend=backend), [context], torch.ones(3, 4, 64)),
            with_gradients(pooler, [context], torch.ones(3, 4, 64)),
        ),
    )


def run(subject: str, device: torch.device) -> Iterator[dict]:
    """The findings of one subject."""
    what, _, dtype = subject.partition(" ")
    if what == "attention":
        return attention(getattr(torch, dtype), device)
    return {"losses": losses, "pooling": pooling, "compiled": compiled}[what](device)
