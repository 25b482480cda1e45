"""`python -m vlm_lib.prompting`: ask the real language model what chapters keep of its answers, where missing."""

from vlm_lib.prompting.pica_runs import run
from vlm_lib.zoo.packages import WeightsUnavailable

SEEDS = range(3)  # as 42_pica measures them


def main() -> None:
    try:
        for seed in SEEDS:
            run(seed)
    except WeightsUnavailable as reason:
        print(reason)
    else:
        print("42_pica: the real language model's answers are kept")


if __name__ == "__main__":
    main()
