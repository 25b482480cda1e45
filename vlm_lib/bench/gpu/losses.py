"""The losses over pairs in every implementation against float64, on features in three precisions."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.bench.gpu.checks import ALLOWED, checked, relative_error, with_gradients
from vlm_lib.losses import contrastive_loss, sigmoid_loss
from vlm_lib.training.seeds import seed_everything

# at a scale of 100 float32 holds a logit to 4e-6, and losses compute in float32 whatever the features are
LOSS_ALLOWED = {torch.float32: 2e-4, torch.bfloat16: 1e-2, torch.float16: 1e-2}


def pairs(batch: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Unit features of pairs that match so poorly that the loss is far from 0."""
    x, noise = F.normalize(torch.randn(batch, dim), dim=1), torch.randn(batch, dim)
    return x.to(device), F.normalize(x + 3 * dim**-0.5 * noise, dim=1).to(device)


def hostile_pairs(batch: int, dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A sixth of the images points away from every text: one shift for rows and columns would underflow."""
    centre, noise = F.normalize(torch.randn(dim), dim=0), 0.01 * torch.randn(2, batch, dim)
    sign = torch.where(torch.rand(batch, 1) < 1 / 6, -1.0, 1.0)
    return F.normalize(sign * centre + noise[0], dim=1).to(device), F.normalize(centre + noise[1], dim=1).to(
        device
    )


def clip_equation(x: Tensor, y: Tensor, scale: Tensor, labels: Tensor | None) -> Tensor:
    """The loss as the CLIP paper's figure has it, in float64, with targets spread over equal labels."""
    logits = scale * x @ y.T
    labels = torch.arange(len(x), device=x.device) if labels is None else labels
    target = (labels[:, None] == labels).double()
    target = target / target.sum(1, keepdim=True)
    rows, columns = (torch.logsumexp(logits, axis).sum() for axis in (1, 0))
    return (rows + columns - 2 * (target * logits).sum()) / (2 * len(x))


def run(subject: str, device: torch.device) -> Iterator[dict]:
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
                    yield loss_check(
                        name, lambda *t, o=options: contrastive_loss(*t, **o), x, y, scale, true, labels, dtype
                    )
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
        got = with_gradients(loss, rounded)
        # loss and gradient of the scale are small differences of large numbers: measured against 1
        scalars = [float((got[i] - expected[i]).abs() / expected[i].abs().clamp(min=1)) for i in (0, 3)]
        return max(relative_error(got[1:3], expected[1:3]), *scalars)

    return checked(name, LOSS_ALLOWED[dtype], error)
