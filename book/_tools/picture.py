"""Draw README's picture of the book: the first page as a browser shows it (`make picture`)."""

from chrome import launch
from pairs import ROOT
from playwright.sync_api import sync_playwright

TARGET = ROOT / "book" / "_static" / "book.png"
SIZE = {"width": 1200, "height": 900}


def main() -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright, "make picture")
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto((ROOT / "_build" / "html" / "book" / "intro.html").as_uri())
        page.wait_for_timeout(500)
        page.screenshot(path=TARGET)
        browser.close()
    print(f"Wrote {TARGET.relative_to(ROOT)}, {TARGET.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
