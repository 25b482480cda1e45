"""The card and the versions as JSON: `python -m vlm_lib.bench.gpu.system DEVICE`."""

import json
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from vlm_lib.bench.measure import device_name

PACKAGES = ("triton", "transformers", "open_clip_torch", "open-flamingo", "flamingo-pytorch", "numpy")


def versions() -> dict[str, str | None]:
    """Versions of what is compared; None for what is not installed."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def driver() -> str | None:
    """The version of NVIDIA's driver; None where there is none."""
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]


def main(device: str) -> None:
    """Print them."""
    where = torch.device(device)
    found = {"device": device_name(where), "device_type": where.type, "torch": torch.__version__}
    found |= {"python": platform.python_version(), "cuda": torch.version.cuda, "driver": driver()}
    if where.type == "cuda":
        card = torch.cuda.get_device_properties(where)
        found |= {"memory": card.total_memory, "processors": card.multi_processor_count}
    print(json.dumps(found | {"packages": versions()}))


if __name__ == "__main__":
    main(sys.argv[1])
