"""`python -m vlm_lib.zoo`: build what is missing of the zoo and print size, time and quality of each model."""

import argparse

from vlm_lib.zoo.report import build, report


def main() -> None:
    argparse.ArgumentParser(prog="python -m vlm_lib.zoo", description=__doc__).parse_args()
    print(report(build()))


if __name__ == "__main__":
    main()
