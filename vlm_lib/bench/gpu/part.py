"""One part in this process: `python -m vlm_lib.bench.gpu.part MODULE SUBJECT DEVICE FILE`.

Findings are written one a line as soon as they are known, so that a crash loses none of the earlier ones.
"""

import importlib
import itertools
import json
import sys
from pathlib import Path

import torch


def main(module: str, subject: str, device: str, file: str) -> None:
    """Append every finding of the part to `file`, and a last line that says that it came to its end."""
    findings = importlib.import_module(module).run(subject, torch.device(device))
    with Path(file).open("w") as lines:
        for finding in itertools.chain(findings, [{"end": True}]):
            lines.write(json.dumps(finding) + "\n")
            lines.flush()
            print(json.dumps(finding)[:2000], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
