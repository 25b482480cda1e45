"""A Chromium for tests that look at pages, or a clear reason why there is none."""

import os
import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def chromium():
    """A headless browser. Without one the test is skipped, or fails where VLM_REQUIRE_BROWSER=1 is set."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if path is None or sync_playwright is None:
        what = "no Chromium on PATH" if path is None else "the package playwright is not installed"
        give_up = pytest.fail if os.environ.get("VLM_REQUIRE_BROWSER") == "1" else pytest.skip
        give_up(f"browser test not run: {what}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
