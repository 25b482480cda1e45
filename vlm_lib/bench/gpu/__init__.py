"""Everything that only a GPU can settle, in one command: `python -m vlm_lib.bench.gpu --out FOLDER`.

`__main__` runs the parts, each in a process of its own, and gathers what they found in one JSON file and one log;
`part` runs one of them; `parity`, `speed`, `training` and `ranks` say what there is to find. Page of the book: bench.
"""

FORMAT = 1  # of the JSON file
