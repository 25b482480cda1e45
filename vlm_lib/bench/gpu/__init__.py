"""Everything that only a GPU can settle, in one command: `python -m vlm_lib.bench.gpu --out FOLDER`.

`__main__` runs the parts, each in a process of its own, and gathers what they found in one JSON file and one log;
`part` runs one of them. `attention`, `losses`, `pooling`, `compiled` and `ranks` compare with float64, `speed` and
`training` take times. Page of the book: bench.
"""

FORMAT = 1  # of the JSON file
