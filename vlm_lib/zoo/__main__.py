"""`python -m vlm_lib.zoo`: build what is missing of the zoo and print size, time and quality of each model."""

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import torch

from vlm_lib.zoo.of_chapters import BUILDERS
from vlm_lib.zoo.real_report import real_report
from vlm_lib.zoo.report import build, report, table


def side_by_side(builders: Sequence[Callable[[], Any]], processes: int) -> list[Any]:
    """What the builders return, run in so many processes of one thread each.

    What two of them need is trained by one and awaited by the other (the cache's locks). Raises: what one raises.
    """
    context = get_context("spawn")  # a fork of a process that has computed with torch can hang
    with ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,)) as pool:
        return [result.result() for result in [pool.submit(builder) for builder in builders]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.zoo", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, help="how many seeds of the real captioner and of its blind twin"
    )
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="side by side")
    options = parser.parse_args()
    builders = [build, partial(real_report, options.seeds), *BUILDERS.values()]
    tiny, real, *chapters = side_by_side(builders, options.processes)
    print(report(tiny))
    print(real)
    print(table({name: card for cards in chapters for name, card in cards.items()}))


if __name__ == "__main__":
    main()
