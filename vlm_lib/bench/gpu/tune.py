"""Find the launch of the last-image kernels on this card: `python -m vlm_lib.bench.gpu.tune [--write]`.

Every candidate is timed with 32, 8 and 1 images; the smallest product of the three times wins. `--write` puts the
winner into `kernels/triton_last_image.py`.
"""

import argparse
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from math import prod
from pathlib import Path

import torch
import triton.testing

from vlm_lib.attention.masks import image_index
from vlm_lib.bench.attention import HEAD_DIM, HEADS, TOKENS, document
from vlm_lib.kernels import triton_last_image as kernels

# block of text, warps, stages; registers a thread, if limited
FORWARD = ((64, 4, 1), (64, 4, 2), (64, 8, 1), (64, 8, 2), (128, 8, 1), (128, 8, 2), (32, 4, 1), (64, 4, 1, 128),
           (128, 8, 1, 128))  # fmt: skip
BACKWARD = ((64, 4, 1), (64, 4, 2), (32, 4, 1), (32, 4, 2), (64, 8, 1), (64, 8, 2), (128, 8, 1), (64, 8, 1, 128))
NAMES = ("ROWS", "num_warps", "num_stages", "maxnreg")


def calls(images: int, batch: int = 64, seq: int = 2048):
    """The forward and the backward pass of one input, to be called again and again."""
    phi = image_index(document(images, seq, torch.device("cuda")).expand(batch, -1).contiguous())
    q, k, v = (
        torch.randn(batch, *axes, HEADS, HEAD_DIM, device="cuda").bfloat16().requires_grad_()
        for axes in ((seq,), (images, TOKENS), (images, TOKENS))
    )
    leaves = q.transpose(1, 2), k.permute(0, 3, 1, 2, 4), v.permute(0, 3, 1, 2, 4)

    def forward() -> torch.Tensor:
        return kernels.triton_last_image_attention(*leaves, phi, lambda: None)

    out, upstream = forward(), torch.randn(batch, HEADS, seq, HEAD_DIM, device="cuda").bfloat16()
    upstream = upstream.transpose(1, 2).contiguous().transpose(1, 2)
    return {
        "FORWARD": forward,
        "BACKWARD": lambda: torch.autograd.grad(out, (q, k, v), upstream, retain_graph=True),
    }


def use(which: str, candidate: tuple) -> dict[str, int]:
    """Launch the kernels so from now on."""
    launch = dict(zip(NAMES, candidate, strict=False))
    setattr(kernels, which, launch)
    return launch


def compile_one(which: str, candidate: tuple) -> None:
    """Fill Triton's cache, from a process of its own."""
    use(which, candidate)
    calls(2, 2, 128)[which]()


def main(argv: list[str] | None = None) -> None:
    """Time, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.bench.gpu.tune")
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args(argv).write
    tasks = [(which, each) for which, all_ in (("FORWARD", FORWARD), ("BACKWARD", BACKWARD)) for each in all_]
    with ProcessPoolExecutor(9, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(compile_one, *zip(*tasks, strict=True)))
    settings = [calls(images) for images in (32, 8, 1)]
    found: dict[str, list] = {"FORWARD": [], "BACKWARD": []}
    for which, candidate in tasks:
        use(which, candidate)
        times = [triton.testing.do_bench(each[which], warmup=5, rep=25, return_mode="median") for each in settings]
        print(which, candidate, [round(time, 4) for time in times], flush=True)
        found[which].append((prod(times), candidate))
    path = Path(kernels.__file__)
    for which, results in found.items():
        launch = use(which, min(results)[1])
        print(which, launch)
        if write:
            text = re.sub(
                rf"^{which} = .*$", f"{which} = {launch}".replace("'", '"'), path.read_text(), flags=re.M
            )
            path.write_text(text)


if __name__ == "__main__":
    main()
