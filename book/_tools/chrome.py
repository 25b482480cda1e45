"""The browser that draws and prints the book."""

import shutil

from playwright.sync_api import Browser, Playwright


def launch(playwright: Playwright, wanted_by: str) -> Browser:
    """A headless Chromium; ends with a message that names the command that needs one where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit(f"{wanted_by} needs Chromium: install the package chromium")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
