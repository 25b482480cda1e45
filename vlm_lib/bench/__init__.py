"""Our implementations against the public ones: `python -m vlm_lib.bench`. Page of the book: bench.

`harness` compares, `measure` measures, `__main__` prints; every other module is one group of comparisons and
defines `comparisons(quick, device)`, which yields `harness.Comparison` objects.
"""

GROUPS = ("contrastive", "attention", "pooling", "training")
