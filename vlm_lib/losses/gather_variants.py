"""What four ways of gathering features over ranks do to the gradient of the contrastive loss.

    python -m torch.distributed.run --standalone --nproc-per-node 4 -m vlm_lib.losses.gather_variants [--json FILE]

Every rank holds a few pairs. `open_clip`'s loss computes the whole matrix on each rank or only its own strips
(`local_loss`), and lets the gradient flow through the gathering or not (`gather_with_grad`). The gradients
that DDP would hand to the optimiser, averaged over ranks, are compared with those of one process that holds
the whole batch. Chapter: 02_contrastive.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from open_clip.loss import ClipLoss
from torch import Tensor

from vlm_lib.cache import write_atomically
from vlm_lib.losses import contrastive_loss
from vlm_lib.training.seeds import seed_everything

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def variants(rank: int, size: int) -> dict[str, tuple[dict, Loss]]:
    """The four of `open_clip`, and ours, each with what to print beside its name."""
    table: dict[str, tuple[dict, Loss]] = {}
    for local in (False, True):
        for with_grad in (False, True):
            loss = ClipLoss(local_loss=local, gather_with_grad=with_grad, rank=rank, world_size=size)
            strip = "its rows x all" if local else "all x all"
            about = {"local_loss": local, "gather_with_grad": with_grad, "matrix": strip}
            table[f"local_loss={local}, gather_with_grad={with_grad}"] = about, loss

    def ours(x, y, s):
        return contrastive_loss(x, y, s, impl="chunked", group=dist.group.WORLD)

    table["vlm_lib contrastive_loss(group=...)"] = {"matrix": "its rows x all, in tiles"}, ours
    return table


def encode(inputs: Tensor, weight: Tensor) -> Tensor:
    """The smallest encoder that DDP could train: one linear map, then the unit sphere."""
    return F.normalize(inputs @ weight, dim=1)


def averaged_gradients(loss: Loss, images, texts, parameters: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Loss and gradients of (image weight, text weight, logit_scale), averaged over ranks as DDP does."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    value = loss(encode(images, leaves[0]), encode(texts, leaves[1]), leaves[2])
    gradients = [value.detach().clone(), *torch.autograd.grad(value, leaves)]
    for gradient in gradients:
        if dist.is_initialized():
            dist.all_reduce(gradient)
            gradient /= dist.get_world_size()
    return gradients[0], gradients[1:]


def measure(pairs_per_rank: int = 3, dim: int = 8, seed: int = 0) -> list[dict]:
    """One row a variant: loss, norm of the encoders' gradient over the true norm, cosine to the true
    gradient, and the same ratio for logit_scale. Must run in every rank of an initialised process group."""
    rank, size = dist.get_rank(), dist.get_world_size()
    seed_everything(seed)  # the same on every rank: all make the whole batch and take their share
    images, texts = (torch.randn(size * pairs_per_rank, dim, dtype=torch.float64) for _ in range(2))
    weights = [torch.randn(dim, dim, dtype=torch.float64) / dim**0.5 for _ in range(2)]
    parameters = [*weights, torch.tensor(1 / 0.07, dtype=torch.float64)]

    leaves = [p.clone().requires_grad_() for p in parameters]
    whole = ClipLoss()(encode(images, leaves[0]), encode(texts, leaves[1]), leaves[2])
    *true_weights, true_scale = torch.autograd.grad(whole, leaves)
    true = torch.cat([g.flatten() for g in true_weights])

    own = slice(rank * pairs_per_rank, (rank + 1) * pairs_per_rank)
    rows = []
    for name, (about, loss) in variants(rank, size).items():
        value, (*of_weights, of_scale) = averaged_gradients(loss, images[own], texts[own], parameters)
        got = torch.cat([g.flatten() for g in of_weights])
        rows.append(
            {
                "variant": name,
                **about,
                "loss": float(value),
                "single_process_loss": float(whole.detach()),
                "gradient_norm_ratio": float(got.norm() / true.norm()),
                "gradient_cosine": float(F.cosine_similarity(got, true, dim=0)),
                "logit_scale_gradient_ratio": float(of_scale / true_scale),
            }
        )
    return rows


def main(argv: list[str] | None = None) -> None:
    """Measure in every rank; rank 0 prints the table and writes JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.losses.gather_variants")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--pairs-per-rank", type=int, default=3)
    args = parser.parse_args(argv)
    # open_clip gathers through a name that torch has deprecated; its warning would drown the table
    warnings.filterwarnings("ignore", category=FutureWarning, module="open_clip")
    dist.init_process_group("gloo")
    rows = measure(args.pairs_per_rank)
    if dist.get_rank() == 0:
        print(f"{'variant':<42} {'loss':>8} {'norm/true':>10} {'cosine':>8} {'scale/true':>11}")
        for row in rows:
            ratios = row["gradient_norm_ratio"], row["gradient_cosine"], row["logit_scale_gradient_ratio"]
            print(
                f"{row['variant']:<42} {row['loss']:>8.4f} {ratios[0]:>10.4f} {ratios[1]:>8.4f} {ratios[2]:>11.4f}"
            )
        if args.json:
            report = {"world_size": dist.get_world_size(), "rows": rows}
            write_atomically(args.json, json.dumps(report, indent=1) + "\n")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
