"""Rewrite every address that derives from the repository's (`make set-url`, or with URL=https://github.com/owner/name)."""

import re
import subprocess
import sys
from pathlib import Path

import yaml
from pairs import ROOT

# Where a derived address may stand. Outputs of notebooks hold none.
DERIVED = ("README.md", "CITATION.cff", "CONTRIBUTING.md", "book/*.md", "book/_template/*", "notebooks/*.md",
           "notebooks/*.ipynb", "notebooks/exercises/*.md", "notebooks/exercises/*.ipynb")  # fmt: skip


def current(root: Path = ROOT) -> str:
    """The repository's address in _config.yml."""
    return yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"]


def of_the_remote(root: Path = ROOT) -> str:
    """The address of the git remote `origin` as a browser knows it; ends with a message where there is none."""
    command = ["git", "remote", "get-url", "origin"]
    remote = subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()
    match = re.fullmatch(r"(?:https://|ssh://)?(?:[^@/]+@)?github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?", remote)
    if match is None:
        raise SystemExit(
            f"the remote origin is {remote!r}, not on GitHub; say make set-url URL=https://github.com/..."
        )
    return f"https://github.com/{match[1]}"


def slug(url: str) -> str:
    """`owner/name` of a GitHub address."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", url)
    if match is None:
        raise SystemExit(f"URL is {url!r}, expected an address like https://github.com/owner/name")
    return match[1]


def derived_files(root: Path = ROOT) -> list[Path]:
    """Every file that may hold an address derived from the repository's."""
    return [path for pattern in DERIVED for path in sorted(root.glob(pattern))]


def set_url(url: str, root: Path = ROOT) -> list[Path]:
    """Replace the old address by `url` in _config.yml and every derived file; returns the files that changed."""
    old, new, changed = slug(current(root)), slug(url), []
    for path in [root / "_config.yml", *derived_files(root)]:
        text = path.read_text()
        # Links, git+https installs and Colab's .../github/owner/name/blob/... all hold github[.com]/owner/name.
        replaced = re.sub(rf"(github(?:\.com)?/){re.escape(old)}(?![\w.-])", rf"\g<1>{new}", text)
        if replaced != text:
            path.write_text(replaced)
            changed.append(path)
    return changed


if __name__ == "__main__":
    address = sys.argv[1] or of_the_remote()
    for file in set_url(address):
        print(f"rewrote {file.relative_to(ROOT)}")
    print(f"the repository's address is {current()}")
