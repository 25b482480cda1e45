"""`python -m vlm_lib.zoo`: build what is missing of the zoo and print size, time and quality of each model."""

import argparse

from vlm_lib.zoo.of_chapters import build_for_chapters
from vlm_lib.zoo.real_report import real_report
from vlm_lib.zoo.report import build, report, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vlm_lib.zoo", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=1, help="how many seeds of the real captioner and of its blind twin"
    )
    seeds = parser.parse_args().seeds
    print(report(build()))
    print(real_report(seeds))
    print(table(build_for_chapters()))


if __name__ == "__main__":
    main()
